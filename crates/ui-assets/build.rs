//! Finds or builds the page that goes into the executable, in this order:
//!
//! 1. `UI_DIST=path`: that folder, as it is.
//! 2. `ui/dist`, if it was built from the sources as they are now (by content, never by time).
//! 3. A build with npm, unless `UI_BUILD=off`.
//! 4. `ui/dist` although it is older than its sources, with a warning.
//! 5. A placeholder page, with a warning.
//!
//! `UI_BUILD=required`, for releases and continuous integration, makes an error of the last two.

#![allow(clippy::disallowed_methods, reason = "cargo tells a build script everything through the environment")]

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// What a build of the page depends on, relative to `ui/`. `vite.config.ts` has the same list.
const SOURCES: &[&str] = &["index.html", "package-lock.json", "public", "src", "vite.config.ts"];
/// Written by the build of the page: the digest of the sources that it was made from.
const STAMP: &str = ".sources";
/// Kept beside the installed packages: the lock file that they were installed from.
const INSTALLED: &str = "node_modules/.installed-from";

const PLACEHOLDER: &str = "<!doctype html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>Sensorium</title></head>
<body><h1>Sensorium is running</h1>
<p>This executable was built without its page. The readings are at <a href=\"/api/v1/devices\">/api/v1/devices</a>.</p>
</body>
</html>
";

fn main() {
    let ui = manifest_dir().join("../../ui");
    watch(&ui);
    match find(&ui) {
        Ok(folder) => println!("cargo:rustc-env=UI_ASSETS_DIR={}", folder.display()),
        Err(message) => {
            println!("cargo:warning={message}");
            std::process::exit(1);
        }
    }
}

fn watch(ui: &Path) {
    for name in ["UI_DIST", "UI_BUILD"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", ui.join(source).display());
    }
    println!("cargo:rerun-if-changed={}", ui.join("dist").join(STAMP).display());
    println!("cargo:rerun-if-changed=build.rs");
}

fn find(ui: &Path) -> Result<PathBuf, String> {
    if let Some(given) = env::var_os("UI_DIST") {
        return given_folder(Path::new(&given));
    }
    let dist = ui.join("dist");
    if is_fresh(ui, &dist) {
        return Ok(dist);
    }
    let wish = env::var("UI_BUILD").unwrap_or_default();
    let failure = if wish == "off" { "UI_BUILD=off".to_owned() } else { build(ui).err().unwrap_or_default() };
    if is_fresh(ui, &dist) {
        return Ok(dist);
    }
    if wish == "required" {
        return Err(format!("the page could not be built: {failure}"));
    }
    if dist.join("index.html").is_file() {
        println!("cargo:warning=the page is older than its sources ({failure})");
        return Ok(dist);
    }
    println!("cargo:warning=the executable gets a placeholder for its page ({failure})");
    placeholder().map_err(|error| format!("the placeholder page could not be written: {error}"))
}

fn given_folder(given: &Path) -> Result<PathBuf, String> {
    let folder = given.canonicalize().map_err(|error| format!("UI_DIST={}: {error}", given.display()))?;
    if folder.join("index.html").is_file() {
        Ok(folder)
    } else {
        Err(format!("UI_DIST={} holds no index.html", given.display()))
    }
}

fn is_fresh(ui: &Path, dist: &Path) -> bool {
    let Ok(stamp) = fs::read_to_string(dist.join(STAMP)) else { return false };
    digest_of_sources(ui).is_ok_and(|digest| digest == stamp.trim())
}

/// SHA-256 over each file's path, length and bytes, in order of path. Tests of the page do not go into it.
fn digest_of_sources(ui: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(ui, Path::new(source), &mut files)?;
    }
    files.sort();
    let mut digest = Sha256::new();
    for file in files {
        let bytes = fs::read(ui.join(&file))?;
        digest.update(format!("{file}\0{}\0", bytes.len()));
        digest.update(bytes);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn collect(ui: &Path, path: &Path, files: &mut Vec<String>) -> io::Result<()> {
    let full = ui.join(path);
    if full.is_dir() {
        for entry in fs::read_dir(full)? {
            collect(ui, &path.join(entry?.file_name()), files)?;
        }
        return Ok(());
    }
    let name = path.to_string_lossy().replace('\\', "/");
    if !name.contains(".test.") {
        files.push(name);
    }
    Ok(())
}

fn build(ui: &Path) -> Result<(), String> {
    let lock =
        fs::read_to_string(ui.join("package-lock.json")).map_err(|error| format!("package-lock.json: {error}"))?;
    if fs::read_to_string(ui.join(INSTALLED)).ok().as_deref() != Some(lock.as_str()) {
        npm(ui, &["ci", "--ignore-scripts", "--no-audit", "--no-fund"])?;
        fs::write(ui.join(INSTALLED), lock).map_err(|error| format!("{INSTALLED}: {error}"))?;
    }
    npm(ui, &["run", "build"])?;
    date_back(ui).map_err(|error| format!("dist/{STAMP}: {error}"))
}

/// Gives the stamp the age of the lock file. Cargo runs this script again, and links the server once more, for a watched
/// file that is younger than the script's start, although the script itself wrote it.
fn date_back(ui: &Path) -> io::Result<()> {
    let then = fs::metadata(ui.join("package-lock.json"))?.modified()?;
    fs::File::options().write(true).open(ui.join("dist").join(STAMP))?.set_modified(then)
}

fn npm(ui: &Path, arguments: &[&str]) -> Result<(), String> {
    let said = format!("npm {}", arguments.join(" "));
    let output =
        Command::new("npm").args(arguments).current_dir(ui).output().map_err(|error| format!("{said}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
    Err(format!("{said}: {last}"))
}

fn placeholder() -> io::Result<PathBuf> {
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo did not set OUT_DIR"))?;
    let folder = Path::new(&out).join("placeholder");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("index.html"), PLACEHOLDER)?;
    Ok(folder)
}

fn manifest_dir() -> PathBuf {
    let folder = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    Path::new(&folder).canonicalize().unwrap_or_else(|_| PathBuf::from(folder))
}
