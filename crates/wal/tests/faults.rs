//! Every kind of call fails at every place, power goes at every place, and syncs fail or lie. An oracle, the list of what was
//! reported, says what must be there afterwards.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::ErrorKind;
use std::sync::Arc;

use wal::{Files, Log, Options, SimFiles, StoreId, WalError};

const STORE: StoreId = StoreId([9; 16]);
const SMALL: Options = Options { segment_bytes: 2_048, step_bytes: 1_024 };
/// EIO, ENOSPC, EROFS, and a call that was interrupted.
const KINDS: [ErrorKind; 4] =
    [ErrorKind::Other, ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem, ErrorKind::Interrupted];

fn open(files: &SimFiles) -> Result<(Log, Vec<u64>), WalError> {
    let mut found = Vec::new();
    let (log, _) = Log::open(Arc::new(files.clone()), STORE, SMALL, 0, false, &mut |record| {
        assert_eq!(record.payload, payload(record.first, record.count), "sequence {}", record.first);
        found.extend(record.first..record.first + u64::from(record.count));
        Ok(())
    })?;
    Ok((log, found))
}

fn payload(first: u64, count: u32) -> Vec<u8> {
    (0..first * 53 % 900).map(|at| u8::try_from((at + first + u64::from(count)) % 251).unwrap()).collect()
}

/// Appends group commits of 1 to 4 sequences, each tried `tries` times. Returns the last one that was reported durable.
fn append(log: &mut Log, mut next: u64, groups: u64, tries: usize) -> u64 {
    for group in 0..groups {
        let count = u32::try_from(1 + (next + group) % 4).unwrap();
        let done = (0..tries).any(|_| log.append(next, count, &payload(next, count)).is_ok());
        if !done {
            break;
        }
        next += u64::from(count);
    }
    next - 1
}

/// Everything up to `reported` is there, in order and once; of what comes behind it one group at most.
fn assert_whole(files: &SimFiles, reported: u64, what: &str) -> u64 {
    let (_, found) = open(files).unwrap_or_else(|error| panic!("{what}: {error}"));
    let last = found.last().copied().unwrap_or(0);
    assert_eq!(found, (1..=last).collect::<Vec<_>>(), "{what}");
    assert!((reported..=reported + 4).contains(&last), "{what}: {last} found after {reported} were reported");
    last
}

/// What follows a failed call.
#[derive(Clone, Copy, Debug)]
enum After {
    PowerCut,
    Kill,
    KillAndPowerCut,
}

const AFTER: [After; 3] = [After::PowerCut, After::Kill, After::KillAndPowerCut];

#[test]
fn whichever_changing_call_fails_and_however_it_goes_on_nothing_reported_is_lost() {
    let whole = SimFiles::seeded(0);
    append(&mut open(&whole).unwrap().0, 1, 25, 1);
    let calls = whole.calls();
    assert!(calls > 80, "creations, writes, syncs, removals: {calls}");
    for call in 1..=calls {
        for (kind, after, tries) in
            KINDS.iter().flat_map(|kind| AFTER.map(|after| [(*kind, after, 1), (*kind, after, 3)])).flatten()
        {
            let what = format!("call {call} fails with {kind:?}, {tries} tries, then {after:?}");
            let files = SimFiles::seeded(call);
            files.fail_call(call, kind);
            let mut reported = 0;
            if let Ok((mut log, _)) = open(&files) {
                reported = append(&mut log, 1, 25, tries);
            }
            match after {
                After::PowerCut => files.crash(),
                After::Kill | After::KillAndPowerCut => files.kill(),
            }
            reported = assert_whole(&files, reported, &what);
            let (mut log, _) = open(&files).unwrap();
            reported = append(&mut log, reported + 1, 5, 1).max(reported);
            if matches!(after, After::KillAndPowerCut) {
                files.crash();
            }
            assert_eq!(assert_whole(&files, reported, &what), reported, "{what}");
        }
    }
}

#[test]
fn whichever_look_fails_while_opening_it_is_an_error_of_the_medium_and_the_next_try_is_right() {
    let whole = || {
        let files = SimFiles::seeded(1);
        append(&mut open(&files).unwrap().0, 1, 25, 1);
        files.kill();
        files
    };
    let files = whole();
    let before = files.looks();
    let last = open(&files).unwrap().1.len();
    let looks = files.looks() - before;
    assert!(looks > 20, "{looks}");
    for look in 1..=looks {
        let files = whole();
        files.fail_look(look, ErrorKind::Other);
        assert!(matches!(open(&files), Err(WalError::Io { .. })), "look {look}");
        assert_eq!(open(&files).unwrap().1.len(), last, "look {look}");
    }
}

/// The record of a failed sync stands in the page cache and nowhere else; the next process reads it there, and what that
/// process builds on it must not fall with it.
#[test]
fn what_a_failed_sync_left_in_the_cache_is_written_again_before_it_counts() {
    let mut failed_syncs = 0;
    for seed in 0..200 {
        let files = SimFiles::seeded(seed);
        let (mut log, _) = open(&files).unwrap();
        let reported = append(&mut log, 1, 3 + seed % 20, 1);
        // Which of the next calls is the sync depends on whether zeros have to be written first.
        files.fail_call(2 + seed % 2, ErrorKind::Other);
        let count = u32::try_from(seed % 3 + 1).unwrap();
        match log.append(reported + 1, count, &payload(reported + 1, count)) {
            Err(error) if error.doing == "syncing the log" => failed_syncs += 1,
            Ok(()) | Err(_) => continue,
        }
        files.kill();
        let (mut log, found) = open(&files).unwrap();
        let counted = reported + u64::from(count);
        assert_eq!(found.last(), Some(&counted), "seed {seed}: the cache still has it");
        let reported = append(&mut log, counted + 1, 2, 1);
        files.crash();
        assert_eq!(assert_whole(&files, reported, &format!("seed {seed}")), reported);
    }
    assert!(failed_syncs > 50, "{failed_syncs}");
}

#[test]
fn a_server_that_is_killed_again_and_again_piles_up_no_segments() {
    let files = SimFiles::seeded(1);
    let mut reported = append(&mut open(&files).unwrap().0, 1, 6, 1);
    let mut least = usize::MAX;
    for life in 0..50 {
        files.kill();
        drop(open(&files).unwrap());
        let names = files.list().unwrap().len();
        least = least.min(names);
        assert!(names <= least + 1, "{names} segments after life {life}");
    }
    reported = assert_whole(&files, reported, "after 50 lives");
    files.crash();
    assert_eq!(assert_whole(&files, reported, "after the power cut"), reported);
}

/// Power cuts at every call, with sectors of unsynced writes kept or lost by seed: torn and reordered group commits.
fn power_cut_at_every_call(prepare: fn(&SimFiles)) -> Result<u64, String> {
    let mut cuts = 0;
    for seed in 0..40 {
        for call in 1..70 {
            let files = SimFiles::seeded(seed * 1_000 + call);
            prepare(&files);
            // Every call from here on fails: the power is gone in the middle of a group commit.
            (call..call + 40).for_each(|late| files.fail_call(late, ErrorKind::Other));
            let reported = open(&files).map_or(0, |(mut log, _)| append(&mut log, 1, 25, 1));
            files.crash();
            cuts += 1;
            let (_, found) = open(&files).map_err(|error| format!("seed {seed} call {call}: {error}"))?;
            let last = found.last().copied().unwrap_or(0);
            if found != (1..=last).collect::<Vec<_>>() || !(reported..=reported + 4).contains(&last) {
                return Err(format!("seed {seed} call {call}: {last} of {reported}"));
            }
        }
    }
    Ok(cuts)
}

#[test]
fn torn_and_reordered_group_commits_lose_nothing_that_was_reported() {
    assert_eq!(power_cut_at_every_call(|_| {}), Ok(40 * 69));
}

#[test]
fn with_syncs_that_do_nothing_the_same_test_fails() {
    let found = power_cut_at_every_call(SimFiles::stub_syncs);
    assert!(found.is_err(), "a test that cannot fail proves nothing");
}
