//! A backup becomes a data directory again, or is tried out without being touched.

use std::path::{Path, PathBuf};

use model::{Reading, SeriesId, TimeRange, Value};
use sha2::{Digest, Sha256};
use store::{Order, Readings};

use crate::backup::{MANIFEST, Manifest};
use crate::care::{CareError, FileSum, Progress, copy_file, hex, make_dir, make_empty_dir, sum_of, sync_dir};
use crate::check::{Finding, check};
use crate::database::FORMAT;
use crate::options::Options;
use crate::viewing::{DATABASE, LOG, SECRETS};
use crate::{EmbeddedStore, open};

/// Where a restore works until everything is there. A directory that has it is not opened.
pub(crate) const RESTORING: &str = "restoring";
/// Readings that are read at once while they are counted.
const PAGE: usize = 10_000;

/// What a directory holds: numbers to compare, and one hash over every reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// Devices.
    pub devices: u64,
    /// Series.
    pub series: u64,
    /// Distinct readings that reads answer.
    pub readings: u64,
    /// SHA-256 over every series and reading in order.
    pub sha256: String,
}

/// What trying a backup out found.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// What is in it.
    pub census: Census,
    /// Damage that was there already when it was made; empty for a good one.
    pub findings: Vec<Finding>,
}

/// The manifest of a backup.
///
/// # Errors
/// A directory without one is no backup, or one that was never finished.
pub fn manifest(from: &Path) -> Result<Manifest, CareError> {
    let path = from.join(MANIFEST);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let no_backup = "holds no whole backup: it has no manifest.json, which is written last";
            return Err(CareError::Refused(format!("{} {no_backup}", from.display())));
        }
        Err(error) => return Err(CareError::file(&path, "read")(error)),
    };
    let unreadable = |error: serde_json::Error| CareError::Refused(format!("{}: {error}", path.display()));
    let manifest: Manifest = serde_json::from_slice(&text).map_err(unreadable)?;
    if manifest.format > FORMAT {
        let found = manifest.format;
        return Err(crate::OpenError::Format { dir: from.to_owned(), found, supported: FORMAT }.into());
    }
    let legal = |file: &FileSum| {
        [DATABASE, SECRETS].contains(&file.name.as_str())
            || file.name.strip_prefix("log/").is_some_and(|name| name.ends_with(".wal") && !name.contains('/'))
    };
    if !manifest.files.iter().all(legal) || !manifest.files.iter().any(|file| file.name == DATABASE) {
        return Err(CareError::Refused(format!("{} names files that no backup has", path.display())));
    }
    Ok(manifest)
}

/// Makes the data directory `dir`, empty or absent before, from the backup `from`. Every hash is compared on the way.
///
/// # Errors
/// No whole backup, a changed file, a directory that is not empty, or the medium. A server does not open what was restored
/// by half.
pub fn restore(from: &Path, dir: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Manifest, CareError> {
    let manifest = manifest(from)?;
    make_empty_dir(dir)?;
    let half = dir.join(RESTORING);
    make_dir(&half.join(LOG))?;
    sync_dir(dir)?;
    copy_files(from, &half, &manifest, progress)?;
    sync_dir(&half.join(LOG))?;
    sync_dir(&half)?;
    for name in [SECRETS, LOG, DATABASE] {
        let place = dir.join(name);
        if name == SECRETS && !half.join(name).exists() {
            continue;
        }
        std::fs::rename(half.join(name), &place).map_err(CareError::file(&place, "written"))?;
    }
    sync_dir(dir)?;
    std::fs::remove_dir(&half).map_err(CareError::file(&half, "removed"))?;
    sync_dir(dir)?;
    Ok(manifest)
}

fn copy_files(
    from: &Path,
    to: &Path,
    manifest: &Manifest,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), CareError> {
    let total = manifest.files.len() as u64;
    for (done, file) in (0..).zip(&manifest.files) {
        progress(Progress { doing: "copying and comparing", done, total });
        let copied = copy_file(&from.join(&file.name), &to.join(&file.name), &file.name)?;
        compare(file, &copied, from)?;
    }
    Ok(())
}

fn compare(expected: &FileSum, found: &FileSum, from: &Path) -> Result<(), CareError> {
    if expected == found {
        return Ok(());
    }
    let FileSum { name, bytes, .. } = expected;
    let path = from.join(name);
    Err(CareError::Refused(if *bytes == found.bytes {
        format!("{} is not what was written: its hash differs from the manifest's", path.display())
    } else {
        format!("{} has {} bytes and should have {bytes}", path.display(), found.bytes)
    }))
}

/// Tries a backup out: hashes, then a restore into `scratch` (absent before, gone afterwards, as large as the backup), a
/// check of it, and a census through the same door that the server uses. The backup itself is only read.
///
/// # Errors
/// As [`restore`], and a restored directory that cannot be opened.
pub async fn trial(from: &Path, scratch: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Trial, CareError> {
    let known = manifest(from)?;
    let total = known.files.len() as u64;
    for (done, file) in (0..).zip(&known.files) {
        progress(Progress { doing: "comparing hashes", done, total });
        compare(file, &sum_of(&from.join(&file.name), &file.name)?, from)?;
    }
    make_empty_dir(scratch)?;
    let _gone_afterwards = Scratch(scratch.to_owned());
    let manifest = restore(from, scratch, progress)?;
    let mut findings = Vec::new();
    check(scratch, progress, &mut |finding| findings.push(finding))?;
    if !findings.is_empty() {
        let census = Census { devices: manifest.devices, series: manifest.series, readings: 0, sha256: String::new() };
        return Ok(Trial { manifest, census, findings });
    }
    let store = open(scratch, Options::default())?;
    let census = census(&store, progress).await?;
    store.close().await?;
    if census.series != manifest.series || census.devices != manifest.devices {
        let Census { devices, series, .. } = census;
        return Err(CareError::Refused(format!(
            "the backup holds {devices} devices and {series} series, and its manifest says {} and {}",
            manifest.devices, manifest.series
        )));
    }
    Ok(Trial { manifest, census, findings })
}

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is only in the way, and the next trial says so.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Counts and hashes everything that an open store answers, hidden readings left out.
///
/// # Errors
/// A series that cannot be read.
pub async fn census(store: &EmbeddedStore, progress: &mut dyn FnMut(Progress)) -> Result<Census, CareError> {
    let restored = store.restored();
    let (mut hash, mut readings) = (Sha256::new(), 0);
    let total = restored.series.len() as u64;
    for (done, record) in (0..).zip(&restored.series) {
        progress(Progress { doing: "counting readings", done, total });
        hash.update(record.id.0.to_le_bytes());
        readings += census_of(store, record.id, &mut hash).await?;
    }
    let devices = restored.devices.len() as u64;
    Ok(Census { devices, series: total, readings, sha256: hex(&hash.finalize()) })
}

async fn census_of(store: &EmbeddedStore, series: SeriesId, hash: &mut Sha256) -> Result<u64, CareError> {
    let (mut readings, mut after) = (0, None);
    loop {
        let page = store.read(series, TimeRange::ALL, Order::Ascending, after, PAGE).await?;
        for reading in &page {
            // All NaN are one value.
            let nan = matches!(reading.value, Value::Number(number) if number.is_nan());
            let same = nan.then(|| Reading { value: Value::Number(f64::NAN), ..reading.clone() });
            let bytes = postcard::to_stdvec(same.as_ref().unwrap_or(reading))
                .map_err(|error| CareError::Refused(error.to_string()))?;
            hash.update(bytes);
        }
        readings += page.len() as u64;
        after = page.last().map(|reading| reading.key);
        if page.len() < PAGE {
            return Ok(readings);
        }
    }
}
