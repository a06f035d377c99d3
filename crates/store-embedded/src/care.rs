//! What looking after a directory needs: one error, files that are copied with their hash, and progress for a person.
//!
//! It is not a file system: it copies, syncs and names what failed on what.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::StoreError;

use crate::options::OpenError;

/// Bytes that are copied at once.
const CHUNK: usize = 256 * 1024;

/// Looking after a directory that did not succeed, as a sentence for a person.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    /// The directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is stored cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or a directory failed.
    #[error("{} cannot be {doing}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// `read`, `written` or `made`.
        doing: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not done, and why. Nothing was changed.
    #[error("{0}")]
    Refused(String),
}

impl CareError {
    pub(crate) fn file<'a>(path: &'a Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::File { path: path.to_owned(), doing, source }
    }
}

/// How far a long piece of work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, such as `copying the database`.
    pub doing: &'static str,
    /// Steps done.
    pub done: u64,
    /// Steps there are.
    pub total: u64,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    /// Its path inside the directory.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// Makes a directory that only its owner may read; it may be there and empty.
pub(crate) fn make_empty_dir(dir: &Path) -> Result<(), CareError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(CareError::file(dir, "made"))?;
    let mut inside = std::fs::read_dir(dir).map_err(CareError::file(dir, "read"))?;
    match inside.next() {
        None => Ok(()),
        Some(_) => Err(CareError::Refused(format!("{} is not empty: name another directory", dir.display()))),
    }
}

pub(crate) fn make_dir(dir: &Path) -> Result<(), CareError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(CareError::file(dir, "made"))
}

/// Makes names inside `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), CareError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(CareError::file(dir, "written"))
}

/// Writes a file of mode 0600 and syncs it; one that is there is replaced.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CareError> {
    (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    })()
    .map_err(CareError::file(path, "written"))
}

/// Copies a file, mode 0600, syncs the copy and answers the sum of what was written.
pub(crate) fn copy_file(from: &Path, to: &Path, name: &str) -> Result<FileSum, CareError> {
    let mut source = File::open(from).map_err(CareError::file(from, "read"))?;
    copy_open(&mut source, from, to, name)
}

/// As [`copy_file`], from a file that is open, whatever has become of its name.
pub(crate) fn copy_open(source: &mut File, from: &Path, to: &Path, name: &str) -> Result<FileSum, CareError> {
    let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to);
    let mut copy = made.map_err(CareError::file(to, "written"))?;
    let sum = digest(source, name, &mut |chunk| copy.write_all(chunk));
    let sum = sum.map_err(|(path_is_source, source)| {
        let path = if path_is_source { from } else { to };
        CareError::file(path, if path_is_source { "read" } else { "written" })(source)
    })?;
    copy.sync_all().map_err(CareError::file(to, "written"))?;
    Ok(sum)
}

/// The sum of a file that is there.
pub(crate) fn sum_of(path: &Path, name: &str) -> Result<FileSum, CareError> {
    let mut file = File::open(path).map_err(CareError::file(path, "read"))?;
    digest(&mut file, name, &mut |_| Ok(())).map_err(|(_, source)| CareError::file(path, "read")(source))
}

/// Reads everything, hands it on and sums it. An error says whether it came from reading.
fn digest(
    source: &mut impl Read,
    name: &str,
    take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<FileSum, (bool, io::Error)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => chunk.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err((true, error)),
        };
        hash.update(read);
        bytes += read.len() as u64;
        take(read).map_err(|error| (false, error))?;
    }
    Ok(FileSum { name: name.to_owned(), bytes, sha256: hex(&hash.finalize()) })
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
