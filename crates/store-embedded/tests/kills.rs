//! SIGKILL while the store flushes, merges frames, expires readings and recovers, all of which small limits make it do
//! without a pause. A child process writes and says what it tries and what was acknowledged; this one kills it, opens what is left and
//! compares.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use model::{
    DeviceId, DeviceKey, Judgement, Kind, MetricName, Reading, ReadingKey, SeriesId, SourceName, TimeRange, TimeSource,
    Timestamp, UnitSource, Value,
};
use store::{
    Batch, CommitOutcome, DeviceRecord, Entry, ExpiryRecord, MessageRecord, Order, Readings, SeriesReading,
    SeriesRecord,
};
use store_embedded::{EmbeddedStore, Limits, Options, open};

const SERIES: u32 = 3;
/// Messages that the child has on their way at once.
const GROUP: i64 = 40;
/// Of the second series, what is so much older than the newest expires every few groups.
const KEPT: i64 = 600;
const EXPIRE_EVERY: i64 = 5;

fn options() -> Options {
    let limits = Limits {
        head_bytes_max: 6_000,
        log_flush_bytes: 64 * 1024,
        segment_bytes: 16 * 1024,
        frame_rows_max: 40,
        merge_fan_in: 3,
        reserve_bytes: 0,
        ..Limits::default()
    };
    Options { limits, ..Options::default() }
}

fn metrics() -> Batch {
    let key = DeviceKey::parse("esp32/dht").unwrap();
    let mut entries = vec![Entry::Device(DeviceRecord { id: DeviceId(1), key, created: Timestamp::EPOCH })];
    entries.extend((1..=SERIES).map(|id| {
        Entry::Series(SeriesRecord {
            id: SeriesId(id),
            device: DeviceId(1),
            metric: MetricName::parse(&format!("metric{id}")).unwrap(),
            unit: None,
            unit_source: UnitSource::None,
            kind: Kind::Measurement,
        })
    }));
    Batch { entries }
}

/// What is true of every reading: its value follows from its time. Neighbours come in the wrong order.
fn message(number: i64) -> Batch {
    let time = number ^ 3;
    let series = SeriesId(u32::try_from(time.rem_euclid(i64::from(SERIES))).unwrap() + 1);
    let reading = Reading {
        key: ReadingKey { time: Timestamp::saturating(time), n: 0 },
        value: value(time),
        judgement: Judgement::Good,
        time_source: TimeSource::Device,
        claimed_ms: None,
    };
    let message = MessageRecord {
        source: SourceName::parse("mqtt").unwrap(),
        received: Timestamp::saturating(number),
        readings: vec![SeriesReading { series, reading }],
        repeat: None,
    };
    Batch { entries: vec![Entry::Message(message)] }
}

fn value(time: i64) -> Value {
    Value::Number(f64::from(i32::try_from(time).unwrap()).sin())
}

/// The process that is killed. Its directory and its first number come through its standard input.
#[test]
#[ignore = "it is the other process of the tests here, and runs until it is killed"]
fn child() {
    let mut said = String::new();
    std::io::stdin().read_to_string(&mut said).unwrap();
    let (dir, from) = said.trim().split_once(' ').unwrap();
    let mut next: i64 = from.parse().unwrap();
    let say = |word: &str, number: i64| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{word} {number}").unwrap();
        out.flush().unwrap();
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = open(Path::new(dir), options()).unwrap();
        store.append(metrics()).await.await;
        for round in 1.. {
            say("try", next + GROUP - 1);
            let mut commits = Vec::new();
            for number in next..next + GROUP {
                commits.push(store.append(message(number)).await);
            }
            for commit in commits {
                assert!(matches!(commit.await, CommitOutcome::Durable(_)));
            }
            next += GROUP;
            say("ok", next - 1);
            if round % EXPIRE_EVERY == 0 && next > KEPT {
                say("expiring", next - KEPT);
                let expired = ExpiryRecord { series: vec![SeriesId(2)], before: Timestamp::saturating(next - KEPT) };
                let commit = store.append(Batch { entries: vec![Entry::Expired(expired)] }).await;
                assert!(matches!(commit.await, CommitOutcome::Durable(_)));
                say("expired", next - KEPT);
            }
        }
    });
}

/// What the child said last of each word, over all its lives.
#[derive(Debug, Default)]
struct Said {
    tried: i64,
    acknowledged: i64,
    expiring: i64,
    expired: i64,
    /// Tried in a life that ended before the acknowledgement: there or not.
    unknown: Vec<std::ops::RangeInclusive<i64>>,
}

impl Said {
    fn read(&mut self, line: &str) {
        let Some((word, number)) = line.split_once(' ') else { return };
        let Ok(number) = number.trim().parse() else { return };
        match word {
            "try" => self.tried = number,
            "ok" => self.acknowledged = number,
            "expiring" => self.expiring = number,
            "expired" => self.expired = number,
            _ => {}
        }
    }
}

/// Lets the child live for `lines` of what it says and a moment longer, then kills it.
fn live_and_die(dir: &Path, from: i64, lines: u64, spin: u64, said: &mut Said) {
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new(own);
    command.args(["--ignored", "--exact", "child", "--nocapture"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{} {from}", dir.display()).unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in out.by_ref().take(usize::try_from(lines).unwrap()) {
        said.read(&line.unwrap());
    }
    (0..spin).for_each(|turn| {
        std::hint::black_box(turn);
    });
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died and nobody had read yet was said all the same.
    for line in out.map_while(Result::ok) {
        said.read(&line);
    }
}

async fn times(store: &EmbeddedStore, series: u32, what: &str) -> Vec<i64> {
    let found = store.read(SeriesId(series), TimeRange::ALL, Order::Ascending, None, usize::MAX).await;
    let found = found.unwrap_or_else(|error| panic!("{what}: {error}"));
    for reading in &found {
        assert_eq!(reading.value, value(reading.key.time.millis()), "{what}");
    }
    found.iter().map(|reading| reading.key.time.millis()).collect()
}

/// Returns the number from which the child goes on.
async fn check(dir: &Path, said: &Said, what: &str) -> i64 {
    let store = open(dir, options()).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut floor = said.expired;
    if said.expiring > said.expired && times(&store, 2, what).await.first().is_none_or(|first| *first >= said.expiring)
    {
        floor = said.expiring;
    }
    for series in 1..=SERIES {
        let least = if series == 2 { floor } else { 0 };
        let of_series = |time: &i64| time.rem_euclid(i64::from(SERIES)) == i64::from(series) - 1 && *time >= least;
        let found = times(&store, series, what).await;
        let all = |last: i64| {
            let mut all: Vec<i64> = (0..=last).map(|number| number ^ 3).filter(of_series).collect();
            all.sort_unstable();
            all
        };
        let (acknowledged, tried) = (all(said.acknowledged), all(said.tried));
        let is_unknown = |time: i64| said.unknown.iter().any(|range| range.contains(&(time ^ 3)));
        let missing = acknowledged.into_iter().filter(|time| found.binary_search(time).is_err());
        let lost: Vec<_> = missing.filter(|time| !is_unknown(*time)).collect();
        assert!(lost.is_empty(), "{what}: series {series} lost {lost:?}");
        let invented: Vec<_> = found.iter().filter(|time| tried.binary_search(time).is_err()).collect();
        assert!(invented.is_empty(), "{what}: series {series} has {invented:?}");
        assert!(found.is_sorted_by(|left, right| left < right), "{what}: series {series} has doubles");
    }
    drop(store);
    said.tried + 1
}

fn kill_again_and_again(rounds: u64, seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut said = Said { tried: -1, acknowledged: -1, ..Said::default() };
    let mut random = seed * 2 + 1;
    let mut next = 0;
    for round in 0..rounds {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Every third life is over before the first word: in the middle of its recovery.
        let lines = if round % 3 == 2 { 0 } else { (random >> 33) % 120 };
        let spin = (random >> 40) % 4_000_000;
        live_and_die(dir.path(), next, lines, spin, &mut said);
        if said.tried > said.acknowledged {
            let unknown = next.max(said.acknowledged + 1)..=said.tried;
            said.unknown.push(unknown);
        }
        next = runtime.block_on(check(dir.path(), &said, &format!("seed {seed} round {round} {said:?}")));
    }
    println!("{rounds} kills, {} messages acknowledged, expired before {}", said.acknowledged + 1, said.expired);
    assert!(said.acknowledged > 1_000 && said.expired > 0, "too little happened: {said:?}");
}

#[test]
fn kills_during_flush_merging_expiry_and_recovery_change_nothing() {
    kill_again_and_again(24, 1);
}

#[test]
#[ignore = "the long form: make killtest"]
fn many_kills_during_flush_merging_expiry_and_recovery_change_nothing() {
    for seed in 2..12 {
        kill_again_and_again(50, seed);
    }
}
