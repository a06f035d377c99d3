//! A log with damage in it: its good records go into a new one, before and behind the damage. Sequences that are gone are
//! filled with batches that say nothing, so that the new log is whole.

use std::path::Path;
use std::sync::Arc;

use store::Batch;
use wal::{Log, RealFiles, salvage};

use crate::backup::segments;
use crate::care::{CareError, make_dir, sync_dir};
use crate::checkpoint;
use crate::database::{failed, set_meta};
use crate::options::OpenError;
use crate::record;
use crate::repair::DAMAGED;
use crate::viewing::{LOG, connect, identity, read_log};

/// Sequences of one record that fills a gap.
const FILLED_AT_ONCE: u64 = 10_000;

/// The old log while the new one takes its place.
pub(crate) const ASIDE: &str = "log.old";
/// The new log before it is in its place.
pub(crate) const NEW: &str = "log.new";

/// Ends what an interrupted repair began: the old log comes back where the new one was not in its place yet. The old one goes
/// only when the new one stands there and reads back. Nothing else removes a log that may hold acknowledged readings.
pub(crate) fn take_back(dir: &Path) -> Result<(), CareError> {
    let (aside, new, log) = (dir.join(ASIDE), dir.join(NEW), dir.join(LOG));
    if !aside.exists() {
        return match (new.exists(), log.exists()) {
            // Half of a copy.
            (true, true) => std::fs::remove_dir_all(&new).map_err(CareError::file(&new, "removed")),
            (true, false) => keep(dir, NEW),
            (false, _) => Ok(()),
        };
    }
    if !segments(&log)?.is_empty() {
        if new.exists() {
            let words = "hold a log each, and only one can be served: move one of them away, and repair again";
            return Err(CareError::Refused(format!("{} and {} {words}", log.display(), aside.display())));
        }
        if reads_back(dir) {
            return std::fs::remove_dir_all(&aside).map_err(CareError::file(&aside, "removed"));
        }
        keep(dir, LOG)?;
    } else if log.exists() {
        // A server that was started in between made it and wrote nothing.
        std::fs::remove_dir(&log).map_err(CareError::file(&log, "removed"))?;
    }
    std::fs::rename(&aside, &log).map_err(CareError::file(&log, "written"))?;
    sync_dir(dir)?;
    if new.exists() { std::fs::remove_dir_all(&new).map_err(CareError::file(&new, "removed")) } else { Ok(()) }
}

/// Whether the log in its place is whole, as far as the database can tell.
fn reads_back(dir: &Path) -> bool {
    let read = || -> Result<(), CareError> {
        let connection = connect(dir)?;
        let (store, _) = identity(&connection, dir)?;
        let cut = checkpoint::read(&connection, usize::MAX)?.cut.0;
        let read = read_log(dir, store, cut, true, &mut |_, _| Ok(()));
        read.map(drop).map_err(|source| OpenError::Log { dir: dir.to_owned(), source }.into())
    };
    read().is_ok()
}

/// Moves a log that nothing uses to what was taken out.
fn keep(dir: &Path, name: &str) -> Result<(), CareError> {
    let damaged = dir.join(DAMAGED);
    make_dir(&damaged)?;
    let free = (1_u32..).map(|number| damaged.join(format!("{name}-{number}"))).find(|place| !place.exists());
    let Some(place) = free else { return Err(CareError::Refused(format!("{} is full", damaged.display()))) };
    std::fs::rename(dir.join(name), &place).map_err(CareError::file(&place, "written"))?;
    sync_dir(&damaged)
}

/// Puts a log without damage in the place of the one in `dir`. The old one was copied before.
pub(crate) fn mend(dir: &Path, words: &mut Vec<String>) -> Result<(), CareError> {
    let connection = connect(dir)?;
    let (store, _) = identity(&connection, dir)?;
    let cut = checkpoint::read(&connection, usize::MAX)?.cut.0;
    drop(connection);
    let failed_log = |source| CareError::from(OpenError::Log { dir: dir.to_owned(), source });
    let old = dir.join(LOG);
    let files = RealFiles::at(&old).map_err(CareError::file(&old, "read"))?;
    let kept = salvage(&files, store, cut).map_err(failed_log)?;
    for rubbish in &kept.rubbish {
        let wal::Rubbish { file, offset, bytes } = rubbish;
        words.push(format!("log: {bytes} bytes in {file} from byte {offset} are no record"));
    }
    let new = dir.join(NEW);
    let _ = std::fs::remove_dir_all(&new);
    let files = Arc::new(RealFiles::at(&new).map_err(CareError::file(&new, "made"))?);
    let nothing = &mut |_: wal::Record<'_>| Ok(());
    let (mut log, _) = Log::open(files, store, wal::Options::default(), cut, false, nothing).map_err(failed_log)?;
    let mut append = |first: u64, count: u32, payload: &[u8]| {
        log.append(first, count, payload).map_err(|error| failed_log(error.into()))
    };
    let (mut next, mut records) = (cut + 1, 0_u64);
    for record in kept.records {
        if record.first > next {
            let missing = record.first - 1;
            words.push(format!("log: the batches of sequences {next} to {missing} are lost"));
            fill(next, record.first, &mut append)?;
        }
        // A record that the cut divides begins in front of it.
        if record::decode(&record.payload).is_ok() {
            append(record.first, record.count, &record.payload)?;
        } else {
            words.push(format!("log: the record of sequence {} cannot be understood", record.first));
            fill(record.first.max(next), record.first + u64::from(record.count), &mut append)?;
        }
        records += 1;
        next = record.first + u64::from(record.count);
    }
    words.push(format!("log: {records} records up to sequence {} were kept", next - 1));
    drop(log);
    let aside = dir.join(ASIDE);
    std::fs::rename(&old, &aside).map_err(CareError::file(&aside, "written"))?;
    std::fs::rename(&new, &old).map_err(CareError::file(&old, "written"))?;
    sync_dir(dir)?;
    std::fs::remove_dir_all(&aside).map_err(CareError::file(&aside, "removed"))?;
    note_log(dir)
}

fn fill(
    from: u64,
    to: u64,
    append: &mut impl FnMut(u64, u32, &[u8]) -> Result<(), CareError>,
) -> Result<(), CareError> {
    let nothing = record::encode(&Batch::default()).map_err(|error| CareError::Refused(error.to_string()))?;
    let mut next = from;
    while next < to {
        let count = (to - next).min(FILLED_AT_ONCE);
        let payload = nothing.repeat(usize::try_from(count).unwrap_or(0));
        append(next, u32::try_from(count).unwrap_or(u32::MAX), &payload)?;
        next += count;
    }
    Ok(())
}

/// From now on a directory without a log is damaged again.
fn note_log(dir: &Path) -> Result<(), CareError> {
    let database = crate::database::Database::open(dir, 1)?;
    set_meta(&database.writer(), "log_made", 1_i64).map_err(failed("noting the log"))?;
    database.tidy();
    Ok(())
}
