//! What the log promises, through its public door: on files that crash, fail, fill up and rot.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::ErrorKind;
use std::sync::Arc;

use wal::{Cause, Files, Log, Options, RealFiles, Recovery, SimFiles, StoreId, WalError};

const STORE: StoreId = StoreId([7; 16]);
const SMALL: Options = Options { segment_bytes: 2_048, step_bytes: 1_024 };

type Records = Vec<(u64, u32, Vec<u8>)>;

fn open_at(files: &SimFiles, cut: u64) -> Result<(Log, Recovery, Records), WalError> {
    let mut records = Vec::new();
    let (log, recovery) = Log::open(Arc::new(files.clone()), STORE, SMALL, cut, false, &mut |record| {
        records.push((record.first, record.count, record.payload.to_vec()));
        Ok(())
    })?;
    Ok((log, recovery, records))
}

fn open(files: &SimFiles) -> (Log, Recovery, Records) {
    open_at(files, 0).unwrap()
}

/// A payload whose length and content follow from its sequence.
fn payload(sequence: u64) -> Vec<u8> {
    (0..sequence * 37 % 300).map(|at| u8::try_from((at * 7 + sequence) % 251).unwrap()).collect()
}

fn expected(count: u64) -> Records {
    (1..=count).map(|sequence| (sequence, 1, payload(sequence))).collect()
}

fn append(log: &mut Log, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        log.append(sequence, 1, &payload(sequence)).unwrap();
    }
}

fn names(files: &SimFiles) -> Vec<String> {
    let mut names = files.list().unwrap();
    names.sort();
    names
}

#[test]
fn what_was_appended_comes_back_in_order_over_many_segments() {
    let files = SimFiles::seeded(1);
    let (mut log, _, records) = open(&files);
    assert!(records.is_empty());
    append(&mut log, 1..=100);
    assert!(names(&files).len() > 5);
    let (mut log, recovery, records) = open(&files);
    assert_eq!(records, expected(100));
    assert_eq!((recovery.last, recovery.records, recovery.torn), (100, 100, vec![]));
    log.append(101, 3, &payload(101)).unwrap();
    log.append(104, 0, &[]).unwrap();
    let (_, recovery, records) = open_at(&files, 99).unwrap();
    assert_eq!(recovery.last, 103);
    assert_eq!(records, [(100, 1, payload(100)), (101, 3, payload(101))]);
}

#[test]
fn real_files_do_the_same() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3_u64 {
        let files = Arc::new(RealFiles::at(&dir.path().join("log")).unwrap());
        let mut count = 0;
        let (mut log, _) = Log::open(files, STORE, SMALL, 0, round > 0, &mut |record| {
            count += u64::from(record.count);
            Ok(())
        })
        .unwrap();
        assert_eq!(count, round * 20);
        append(&mut log, round * 20 + 1..=round * 20 + 20);
        log.release(round * 10);
    }
}

#[test]
fn order_comes_from_headers_not_from_names() {
    let dir = tempfile::tempdir().unwrap();
    let files = || Arc::new(RealFiles::at(dir.path()).unwrap());
    let (mut log, _) = Log::open(files(), STORE, SMALL, 0, false, &mut |_| Ok(())).unwrap();
    append(&mut log, 1..=60);
    drop(log);
    let mut names = files().list().unwrap();
    names.sort();
    for (name, renamed) in names.iter().zip(["c.wal", "b.wal", "a.wal"]) {
        std::fs::rename(dir.path().join(name), dir.path().join(renamed)).unwrap();
    }
    let mut found = Vec::new();
    Log::open(files(), STORE, SMALL, 0, true, &mut |record| {
        found.push(record.first);
        Ok(())
    })
    .unwrap();
    assert_eq!(found, (1..=60).collect::<Vec<_>>());
}

#[test]
fn a_crash_at_any_call_loses_nothing_that_was_reported() {
    for seed in 0..300 {
        let files = SimFiles::seeded(seed);
        let mut reported = 0;
        for life in 0..4_u64 {
            let Ok((mut log, recovery, records)) = open_at(&files, 0) else {
                panic!("seed {seed} life {life}: {:?}", open_at(&files, 0).err());
            };
            assert!(recovery.last >= reported, "seed {seed} life {life}: {} < {reported}", recovery.last);
            assert_eq!(records, expected(recovery.last), "seed {seed} life {life}");
            reported = recovery.last;
            files.fail_call(1 + seed * 3 % 61, ErrorKind::Other);
            for sequence in reported + 1..reported + 30 {
                if log.append(sequence, 1, &payload(sequence)).is_err() {
                    // The power goes while it is being tried again, or it works.
                    if seed % 3 == 0 || log.append(sequence, 1, &payload(sequence)).is_err() {
                        break;
                    }
                }
                reported = sequence;
            }
            files.crash();
        }
    }
}

#[test]
fn recovery_may_be_interrupted_at_any_call() {
    for seed in 0..60 {
        let files = SimFiles::seeded(seed);
        let (mut log, ..) = open(&files);
        append(&mut log, 1..=30);
        // A record that was written and not synced.
        files.fail_call(2, ErrorKind::Other);
        assert!(log.append(31, 1, &payload(31)).is_err());
        files.crash();
        for call in 1..8 {
            files.fail_call(call, ErrorKind::Other);
            let _ = open_at(&files, 0);
            files.crash();
        }
        let (_, recovery, records) = open(&files);
        assert!((30..=31).contains(&recovery.last), "seed {seed}");
        assert_eq!(records, expected(recovery.last), "seed {seed}");
    }
}

#[test]
fn after_a_failed_sync_the_record_goes_into_a_new_segment() {
    let files = SimFiles::seeded(3);
    let (mut log, ..) = open(&files);
    append(&mut log, 1..=3);
    files.fail_call(2, ErrorKind::Other);
    let error = log.append(4, 1, &payload(4)).unwrap_err();
    assert_eq!(error.cause, Cause::Failed);
    let before = names(&files).len();
    append(&mut log, 4..=4);
    assert_eq!(names(&files).len(), before + 1);
    append(&mut log, 5..=6);
    // The first copy of 4 is readable as long as the machine lives; it counts once.
    let (_, _, records) = open(&files);
    assert_eq!(records, expected(6));
    files.crash();
    let (_, _, records) = open(&files);
    assert_eq!(records, expected(6));
}

#[test]
fn there_is_a_log_whatever_fails_in_an_empty_one() {
    for call in 1..6 {
        let files = SimFiles::seeded(call);
        let (mut log, ..) = open(&files);
        files.fail_call(1, ErrorKind::Other);
        assert!(log.append(1, 1, &payload(1)).is_err());
        files.fail_call(call, ErrorKind::Other);
        let _ = log.append(1, 1, &payload(1));
        files.crash();
        assert!(!names(&files).is_empty(), "call {call}");
        let opened = Log::open(Arc::new(files.clone()), STORE, SMALL, 0, true, &mut |_| Ok(()));
        assert!(opened.is_ok(), "call {call}: {:?}", opened.err());
    }
}

#[test]
fn a_full_disk_is_waited_for() {
    let files = SimFiles::seeded(4);
    let (mut log, ..) = open(&files);
    append(&mut log, 1..=3);
    files.set_capacity(Some(2_048 + 1_024));
    let mut sequence = 4;
    let error = loop {
        match log.append(sequence, 1, &payload(sequence)) {
            Ok(()) => sequence += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.cause, Cause::DiskFull);
    for _ in 0..5 {
        assert_eq!(log.append(sequence, 1, &payload(sequence)).unwrap_err().cause, Cause::DiskFull);
    }
    assert!(names(&files).len() <= 2, "attempts leave nothing behind: {:?}", names(&files));
    files.set_capacity(None);
    append(&mut log, sequence..=sequence + 5);
    files.crash();
    let (_, _, records) = open(&files);
    assert_eq!(records, expected(sequence + 5));
}

#[test]
fn a_full_disk_does_not_keep_a_log_from_being_read() {
    let files = SimFiles::seeded(5);
    let (mut log, ..) = open(&files);
    append(&mut log, 1..=3);
    // A torn tail asks for a new segment, for which there is no room.
    files.damage(&names(&files)[0], |bytes| bytes[1_000] = 1);
    files.set_capacity(Some(0));
    let (mut log, _, records) = open(&files);
    assert_eq!(records, expected(3));
    assert_eq!(log.append(4, 1, &payload(4)).unwrap_err().cause, Cause::DiskFull);
    files.set_capacity(None);
    append(&mut log, 4..=5);
    assert_eq!(open(&files).2, expected(5));
}

#[test]
fn a_tail_torn_at_any_byte_is_dropped_and_counted() {
    let template = |files: &SimFiles| {
        let (mut log, ..) = open(files);
        append(&mut log, 1..=3);
    };
    let whole = SimFiles::seeded(0);
    template(&whole);
    let name = names(&whole)[0].clone();
    let bytes = whole.open(&name).unwrap().read_at(0, usize::MAX).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let len = 24 + payload(3).len();
    for kept in 0..len {
        for garbage in [0_u8, 0xA5] {
            let files = SimFiles::seeded(0);
            template(&files);
            let from = end - len + kept;
            files.damage(&name, |bytes| bytes[from..end].fill(garbage));
            let (mut log, recovery, records) = open(&files);
            assert_eq!(records, expected(2), "kept {kept}");
            let silent = kept == 0 && garbage == 0;
            assert_eq!(recovery.torn.len(), usize::from(!silent), "kept {kept}");
            append(&mut log, 3..=5);
            assert_eq!(open(&files).2, expected(5), "kept {kept}");
        }
    }
}

#[test]
fn a_bad_record_with_a_good_one_behind_it_is_damage() {
    let whole = SimFiles::seeded(0);
    let (mut log, ..) = open(&whole);
    append(&mut log, 1..=3);
    let name = names(&whole)[0].clone();
    let second = 64 + (24 + payload(1).len()).next_multiple_of(8);
    for byte in second..second + 24 + payload(2).len() {
        let files = SimFiles::seeded(0);
        let (mut log, ..) = open(&files);
        append(&mut log, 1..=3);
        files.damage(&name, |bytes| bytes[byte] ^= 0x10);
        match open_at(&files, 0) {
            Err(WalError::Damaged { file, detail, .. }) => {
                assert_eq!(file, name);
                assert!(detail.contains("2 to 2 are missing"), "{detail}");
            }
            other => panic!("byte {byte}: {other:?}"),
        }
        // What the database has already is not missed.
        assert_eq!(open_at(&files, 2).unwrap().2, [(3, 1, payload(3))], "byte {byte}");
    }
}

#[test]
fn after_an_idle_record_rot_in_the_last_acknowledged_one_is_damage() {
    let files = SimFiles::seeded(0);
    let (mut log, ..) = open(&files);
    append(&mut log, 1..=2);
    log.append(3, 0, &[]).unwrap();
    let second = 64 + (24 + payload(1).len()).next_multiple_of(8) + 30;
    files.damage(&names(&files)[0], |bytes| bytes[second] ^= 1);
    assert!(matches!(open_at(&files, 0), Err(WalError::Damaged { .. })));
}

#[test]
fn a_missing_segment_is_damage_and_a_missing_log_is_missing() {
    let files = SimFiles::seeded(0);
    let (mut log, ..) = open(&files);
    append(&mut log, 1..=60);
    let all = names(&files);
    files.remove(&all[1]).unwrap();
    assert!(matches!(open_at(&files, 0), Err(WalError::Damaged { .. })));
    for name in names(&files) {
        files.remove(&name).unwrap();
    }
    let opened = Log::open(Arc::new(files.clone()), STORE, SMALL, 0, true, &mut |_| Ok(()));
    assert!(matches!(opened, Err(WalError::Missing)));
}

#[test]
fn a_segment_with_a_bad_header_and_good_records_is_damage() {
    let files = SimFiles::seeded(0);
    let (mut log, ..) = open(&files);
    append(&mut log, 1..=3);
    for byte in 0..36 {
        files.damage(&names(&files)[0], |bytes| bytes[byte] ^= 1);
        assert!(matches!(open_at(&files, 0), Err(WalError::Damaged { .. })), "byte {byte}");
        files.damage(&names(&files)[0], |bytes| bytes[byte] ^= 1);
    }
    assert_eq!(open(&files).2, expected(3));
}

#[test]
fn another_store_s_log_is_refused() {
    let files = SimFiles::seeded(0);
    let (mut log, ..) = open(&files);
    append(&mut log, 1..=3);
    let opened = Log::open(Arc::new(files.clone()), StoreId([8; 16]), SMALL, 0, true, &mut |_| Ok(()));
    assert!(matches!(opened, Err(WalError::Foreign { .. })));
}

#[test]
fn segments_go_when_the_cut_is_beyond_them() {
    let files = SimFiles::seeded(0);
    let (mut log, ..) = open(&files);
    append(&mut log, 1..=100);
    let all = log.disk_bytes();
    assert!(log.bytes_beyond(0) > log.bytes_beyond(50));
    log.release(50);
    assert!(log.disk_bytes() < all);
    let (mut log, recovery, records) = open_at(&files, 50).unwrap();
    assert_eq!(recovery.last, 100);
    assert_eq!(records, expected(100).split_off(50));
    log.release(100);
    assert_eq!(names(&files).len(), 1);
    assert_eq!(log.bytes_beyond(100), 0);
    // Without the cut the log alone is not whole, and says so.
    assert!(matches!(open_at(&files, 0), Err(WalError::Damaged { .. })));
    assert_eq!(open_at(&files, 100).unwrap().1.last, 100);
}

#[test]
fn any_garbage_in_a_segment_is_an_error_or_a_torn_tail_and_never_a_wrong_record() {
    let whole = SimFiles::seeded(0);
    let (mut log, ..) = open(&whole);
    append(&mut log, 1..=8);
    let name = names(&whole)[0].clone();
    let len = whole.open(&name).unwrap().read_at(0, usize::MAX).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    for byte in 36..=len {
        let files = SimFiles::seeded(0);
        let (mut log, ..) = open(&files);
        append(&mut log, 1..=8);
        files.damage(&name, |bytes| bytes[byte] = !bytes[byte]);
        if let Ok((_, recovery, records)) = open_at(&files, 0) {
            assert_eq!(records, expected(recovery.last), "byte {byte}");
        }
    }
}
