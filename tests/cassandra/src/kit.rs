//! What a node is made of: a Java 17 of this machine, and the jars of one version under `.tools/cassandra` of this repository.
//!
//! Nothing here fetches anything; `cargo xtask setup` does.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::fault::Fault;

/// The Java that both versions run on. Cassandra 5.0 dies at its start under newer ones.
pub const JAVA: &str = "17";
/// The Debian package that brings it.
pub const JAVA_PACKAGE: &str = "openjdk-17-jre-headless";
/// A file in the folder of jars that says that all are there.
pub const COMPLETE: &str = ".complete";

/// Folders in which Java is usually installed.
const JAVA_HOMES: &str = "/usr/lib/jvm";

/// A version of Cassandra whose jars are known to work here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// What the tests use.
    #[default]
    V5_0,
    /// The newest 4.1 with published jars, for a check of what still works there.
    V4_1,
}

impl Version {
    /// As the jars are called.
    #[must_use]
    pub fn number(self) -> &'static str {
        match self {
            Self::V5_0 => "5.0.8",
            Self::V4_1 => "4.1.10",
        }
    }

    /// The command that brings its jars.
    #[must_use]
    pub fn brought_by(self) -> &'static str {
        match self {
            Self::V5_0 => "make setup",
            Self::V4_1 => "make cassandra41",
        }
    }

    /// The folder of its jars, there or not.
    #[must_use]
    pub fn jars(self) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().unwrap_or(root);
        root.join(".tools/cassandra").join(self.number()).join("lib")
    }

    /// Whether all of them are there.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self.jars().join(COMPLETE).is_file()
    }

    /// The agent that measures objects, which Cassandra must be started with.
    fn agent(self) -> Option<PathBuf> {
        let entries = std::fs::read_dir(self.jars()).ok()?;
        let mut paths = entries.flatten().map(|entry| entry.path());
        paths.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("jamm-")))
    }
}

/// A Java 17: in the usual folder, in `JAVA_HOME`, or on the path. Looked for once.
#[must_use]
pub fn java() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(|| candidates().into_iter().find(|program| is_wanted(program))).as_deref()
}

fn candidates() -> Vec<PathBuf> {
    let homes = std::fs::read_dir(JAVA_HOMES).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut homes: Vec<PathBuf> =
        homes.filter(|home| home.file_name().is_some_and(|name| name.to_string_lossy().contains(JAVA))).collect();
    homes.sort();
    let named = std::env::var_os("JAVA_HOME").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("java"));
    let homes = homes.into_iter().chain(named).map(|home| home.join("bin/java"));
    homes.chain(on_path).filter(|program| program.is_file()).collect()
}

fn is_wanted(program: &Path) -> bool {
    let said = Command::new(program).arg("-version").stdin(Stdio::null()).output();
    said.is_ok_and(|said| is_version(&String::from_utf8_lossy(&said.stderr), JAVA))
}

/// Whether `said`, such as `openjdk version "17.0.15" …`, is of this version.
fn is_version(said: &str, version: &str) -> bool {
    let number = said.split('"').nth(1).unwrap_or("");
    number == version || number.strip_prefix(version).is_some_and(|rest| rest.starts_with(['.', '-', '+']))
}

/// The programs and jars to start a node with.
#[derive(Clone, Debug)]
pub(crate) struct Kit {
    pub java: PathBuf,
    pub jars: PathBuf,
    pub agent: PathBuf,
}

impl Kit {
    /// All that is needed for `version`, or the line that brings it.
    pub fn of(version: Version) -> Result<Self, Fault> {
        let missing = |what: &str| Fault::new(format!("{what}: run `{}`", version.brought_by()));
        let java = java().ok_or_else(|| missing("a Java 17 for Cassandra is missing"))?.to_owned();
        let jars = format!("the jars of Cassandra {} are missing", version.number());
        let agent = version.agent().filter(|_| version.is_complete()).ok_or_else(|| missing(&jars))?;
        Ok(Self { java, jars: version.jars(), agent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_java_is_known_by_what_it_says() {
        assert!(is_version("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK …", "17"));
        assert!(is_version("openjdk version \"17\" 2021-09-14", "17"));
        assert!(!is_version("openjdk version \"25.0.1\" 2025-10-21", "17"));
        assert!(!is_version("openjdk version \"170.1\"", "17"));
        assert!(!is_version("java version \"1.8.0_17\"", "17"));
        assert!(!is_version("no such thing", "17"));
    }

    #[test]
    fn every_version_has_a_folder_of_its_own() {
        assert!(Version::V5_0.jars().ends_with(".tools/cassandra/5.0.8/lib"));
        assert!(Version::V4_1.jars().ends_with(".tools/cassandra/4.1.10/lib"));
    }
}
