//! Making a damaged directory usable again: what is good stays, what is bad is taken out and named, nothing is thrown away.
//!
//! First everything that will be changed is copied to `damaged/` inside the directory; without space for that nothing is
//! done. Then: pages of the database that do not fit together → every row that can be reached goes into a new database;
//! frames that are not what was written → their bytes go to `damaged/`, their ranges into the table `lost`; counts and summaries
//! are made again; records of the log before and behind damage go into a new log. A directory without damage is left as
//! it is, so that repairing twice is repairing once.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use model::Timestamp;
use rusqlite::TransactionBehavior;

use crate::backup::segments;
use crate::care::{CareError, Progress, copy_file, make_dir, sync_dir};
use crate::check::{Checked, Finding, Place, check_held, written};
use crate::database::{Database, failed};
use crate::mending::Mending;
use crate::open::lock_directory;
use crate::options::OpenError;
use crate::viewing::{DATABASE, LOG};
use crate::{mended_log, salvage};

/// Inside the data directory: what was taken out, and the report.
pub(crate) const DAMAGED: &str = "damaged";
const REPORT: &str = "report.txt";
const MENDING: &str = "repairing";

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    words: Vec<String>,
    /// Readings that were there and are not any more.
    pub lost_readings: u64,
    /// Findings that are still there afterwards; 0 for a directory that can be served.
    pub left: u64,
}

impl Report {
    /// One sentence a line.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }
}

/// Repairs the directory `dir`, on which no server may run. `now` is for the report.
///
/// # Errors
/// It is in use, there is no space for a copy, or the medium fails; then the copy in `damaged/` is what was there.
pub fn repair(dir: &Path, now: Timestamp, progress: &mut dyn FnMut(Progress)) -> Result<Report, CareError> {
    if !dir.join(DATABASE).exists() {
        if !segments(&dir.join(LOG))?.is_empty() {
            let words = "has a log and no database, without which it says nothing: restore a backup";
            return Err(CareError::Refused(format!("{} {words}", dir.display())));
        }
        return Err(CareError::Refused(format!("{} is no data directory", dir.display())));
    }
    let _lock = lock_directory(dir)?;
    mended_log::take_back(dir)?;
    let findings = look(dir, progress)?;
    if findings.is_empty() {
        return Ok(Report { words: vec!["No damage: nothing was changed.".to_owned()], ..Report::default() });
    }
    let mut report = Report::default();
    report.words.push(format!("Repair of {} at {}.", dir.display(), written(now)));
    report.words.extend(findings.iter().map(|finding| format!("found: {finding}")));
    let damaged = dir.join(DAMAGED).join(now.millis().to_string());
    copy_all(dir, &damaged)?;
    report.words.push(format!("Everything as it was is in {}; remove it when you are content.", damaged.display()));
    if findings.iter().any(|finding| matches!(finding.place, Place::Pages | Place::Memory)) {
        salvage::database(dir, &mut report.words)?;
    }
    mend_frames(dir, &damaged, progress, &mut report)?;
    let log = look(dir, progress)?;
    if log.iter().any(|finding| finding.place == Place::Log) {
        mended_log::mend(dir, &mut report.words)?;
    }
    let left = look(dir, progress)?;
    report.left = left.len() as u64;
    report.words.push(format!("{} readings are lost.", report.lost_readings));
    report.words.extend(left.iter().map(|finding| format!("still there: {finding}")));
    report.words.push(match report.left {
        0 => "The directory is whole again: start the server.".to_owned(),
        _ => "The directory could not be repaired: restore a backup.".to_owned(),
    });
    append_report(&dir.join(DAMAGED), &report)?;
    Ok(report)
}

/// Every finding; a database that cannot be opened is one.
fn look(dir: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Vec<Finding>, CareError> {
    let mut findings = Vec::new();
    let checked: Result<Checked, CareError> = check_held(dir, true, progress, &mut |finding| findings.push(finding));
    match checked {
        Ok(_) => Ok(findings),
        Err(CareError::Open(
            error @ (OpenError::Damaged { .. } | OpenError::NotOurs { .. } | OpenError::Database { .. }),
        )) => {
            findings.push(Finding { what: error.to_string(), place: Place::Pages });
            Ok(findings)
        }
        Err(CareError::Store(store::StoreError::Damaged(what))) => {
            findings.push(Finding { what, place: Place::Pages });
            Ok(findings)
        }
        Err(other) => Err(other),
    }
}

fn copy_all(dir: &Path, to: &Path) -> Result<(), CareError> {
    let copied = (|| {
        make_dir(&to.join(LOG))?;
        let mut names: Vec<PathBuf> = ["", "-wal"].iter().map(|suffix| format!("{DATABASE}{suffix}").into()).collect();
        names.extend(segments(&dir.join(LOG))?.into_iter().map(|name| Path::new(LOG).join(name)));
        for name in names.iter().filter(|name| dir.join(name).exists()) {
            copy_file(&dir.join(name), &to.join(name), "")?;
        }
        sync_dir(&to.join(LOG))?;
        sync_dir(to)?;
        sync_dir(dir)
    })();
    copied.inspect_err(|_| {
        // Half a copy helps nobody, and nothing was changed yet.
        let _ = std::fs::remove_dir_all(to);
    })
}

fn mend_frames(
    dir: &Path,
    damaged: &Path,
    progress: &mut dyn FnMut(Progress),
    report: &mut Report,
) -> Result<(), CareError> {
    let database = Database::open(dir, 1)?;
    let mut findings = Vec::new();
    crate::check::check_database(&database.writer(), progress, &mut |finding| findings.push(finding))?;
    {
        let mut connection = database.writer();
        let writing = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed(MENDING))?;
        let mut mending = Mending::new(&writing, damaged);
        mending.all(&findings)?;
        let done = mending.done;
        writing.commit().map_err(failed(MENDING))?;
        report.words.extend(done.words);
        report.lost_readings += done.lost_readings;
    }
    database.tidy();
    Ok(())
}

fn append_report(damaged: &Path, report: &Report) -> Result<(), CareError> {
    let path = damaged.join(REPORT);
    (|| {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        for words in report.lines() {
            writeln!(file, "{words}")?;
        }
        writeln!(file)?;
        file.sync_all()
    })()
    .map_err(CareError::file(&path, "written"))
}
