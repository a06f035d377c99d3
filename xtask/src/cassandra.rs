//! Brings the Cassandra that tests run (`tests/cassandra`): its jars by Maven, into `.tools/cassandra/VERSION/lib`. Runs one
//! beside a command, or for a person.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use cassandra_node::{Node, Options, SHARED_VARIABLE, Version, kit};

use crate::commands;
use crate::setup::on_path;

/// Programs inside jars for systems that this does not run on; the rest of their names is a version.
const FOREIGN: &[&str] = &["-osx-", "-windows-"];
const FOREIGN_PROCESSORS: &[(&str, &str)] =
    &[("x86_64", "-linux-x86_64"), ("aarch64", "-linux-aarch_64"), ("riscv64", "-linux-riscv64")];

/// Debian packages without which this version cannot be brought or run. Another Java than 17 does not help.
pub fn packages_missing(version: Version) -> Vec<&'static str> {
    let java = kit::java().is_none().then_some(kit::JAVA_PACKAGE);
    let maven = (!version.is_complete() && !on_path("mvn")).then_some("maven");
    java.into_iter().chain(maven).collect()
}

/// Fetches the jars of this version; with all of them in place it does nothing.
pub fn jars(root: &Path, version: Version) -> Result<()> {
    if version.is_complete() {
        return Ok(());
    }
    let lib = version.jars();
    let home = lib.parent().context("the jars have no folder")?;
    // Whole or not at all, also if two of us fetch at the same time or one is interrupted.
    let name = format!("lib-{}", std::process::id());
    let part = home.join(&name);
    fs::create_dir_all(home).with_context(|| format!("{} cannot be made", home.display()))?;
    println!("setup: Cassandra {} is fetched, some 60 MB", version.number());
    // The folder is named from that of the pom, so that blanks in the name of ours do no harm.
    let line = format!(
        "mvn -q -B -f tests/cassandra/etc/pom.xml -Dcassandra.version={0} dependency:copy-dependencies \
         -DincludeScope=runtime -DoutputDirectory=../../../.tools/cassandra/{0}/{name}",
        version.number(),
    );
    if let Err(error) = commands::run(root, &line).and_then(|()| finish(&part)) {
        // What is half there is of no use.
        let _ = fs::remove_dir_all(&part);
        return Err(error.context(format!("the jars of Cassandra {} could not be fetched", version.number())));
    }
    if version.is_complete() {
        fs::remove_dir_all(&part)?;
        return Ok(());
    }
    let _ = fs::remove_dir_all(&lib);
    fs::rename(&part, &lib).with_context(|| format!("{} cannot be put in place", lib.display()))
}

/// Runs the command with a node of this version beside it, which its tests share.
pub fn run_beside(root: &Path, version: Version, line: &str) -> Result<()> {
    if let [package, ..] = packages_missing(version)[..] {
        bail!("Cassandra {} needs {package}: run `make setup` as root", version.number());
    }
    jars(root, version)?;
    let node = Node::start(Options { version, ..Options::default() })?;
    println!("Cassandra {} runs at {}", version.number(), node.address());
    let mut command = commands::command(root, line);
    command.env(SHARED_VARIABLE, node.address().to_string());
    if command.status().with_context(|| format!("`{line}` does not start"))?.success() {
        return Ok(());
    }
    node.keep_logs();
    bail!("`{line}` failed against Cassandra {}", version.number())
}

/// Runs a node until Ctrl+C, empty at its start and gone at its end.
pub fn serve() -> Result<()> {
    let node = Node::start(Options::default())?;
    println!("Cassandra runs at {0} until Ctrl+C. A store in it: --store cassandra://{0}/sensorium", node.address());
    println!("For tests: {SHARED_VARIABLE}={}. Its logs: {}", node.address(), node.logs().display());
    loop {
        // Ctrl+C ends this process, and the node with it.
        std::thread::park();
    }
}

/// Removes what is for other systems and says that the rest is complete.
fn finish(folder: &Path) -> Result<()> {
    let mut cassandra = false;
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be listed", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        cassandra |= name.starts_with("cassandra-all-");
        if is_foreign(&name) {
            fs::remove_file(&path)?;
        }
    }
    if !cassandra {
        bail!("cassandra-all is not among what Maven copied");
    }
    fs::write(folder.join(kit::COMPLETE), "")?;
    Ok(())
}

fn is_foreign(name: &str) -> bool {
    let processors = FOREIGN_PROCESSORS.iter().filter(|(ours, _)| *ours != std::env::consts::ARCH);
    FOREIGN.iter().chain(processors.map(|(_, part)| part)).any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jars_for_other_systems_are_foreign() {
        let ours = FOREIGN_PROCESSORS.iter().find(|(ours, _)| *ours == std::env::consts::ARCH).unwrap().1;
        assert!(is_foreign("netty-tcnative-2.0.69.Final-osx-x86_64.jar"));
        assert!(is_foreign("netty-tcnative-2.0.69.Final-windows-x86_64.jar"));
        assert!(!is_foreign(&format!("netty-tcnative-2.0.69.Final{ours}.jar")));
        assert!(!is_foreign("cassandra-all-5.0.8.jar"));
        let others = FOREIGN_PROCESSORS.iter().filter(|(_, part)| is_foreign(&format!("netty{part}.jar")));
        assert_eq!(others.count(), FOREIGN_PROCESSORS.len() - 1);
    }

    #[test]
    fn what_lacks_cassandra_is_not_complete() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("guava.jar"), "").unwrap();
        assert!(finish(folder.path()).is_err());
        fs::write(folder.path().join("cassandra-all-5.0.8.jar"), "").unwrap();
        fs::write(folder.path().join("netty-osx-1.jar"), "").unwrap();
        finish(folder.path()).unwrap();
        assert!(folder.path().join(kit::COMPLETE).is_file());
        assert!(!folder.path().join("netty-osx-1.jar").exists());
    }
}
