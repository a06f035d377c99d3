//! Instructions, counted by callgrind: of single operations in this program, and of a message from the socket to its
//! acknowledgement in the server. Each is run twice with different counts; the difference is what one costs without its
//! set-up. They do not depend on what else the machine does; valgrind runs one thread at a time.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use decode::AnnouncedMetric;
use decode::rules::Rule;
use frame::{Cell, Charted, Column, Frame, encode};
use model::{Judgement, ReadingKey, Resolution, TimeRange, TimeSource, Timestamp, Topic, Value};
use simulator::server::Launch;
use store::Readings;
use store_embedded::{Options, open};
use windows::Grid;

use crate::door::{self, Door, Pace};
use crate::sets::{Message, START_MS, STEP_MS, Set};
use crate::systems::program;
use crate::verdicts::{Verdicts, short};
use crate::{Bench, known, load, store as bare_store};

/// The hidden word on the command line that makes this program do one operation so many times.
pub const WORKER: &str = "operation-worker";
const FRAME_ROWS: usize = 16_384;
/// Messages in the store that windows are made of.
const CHARTED: usize = 40_000;
const DAY_MS: i64 = 86_400_000;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Operation {
    AppendSingle,
    AppendHundred,
    DecodeMessage,
    AnnouncedTwo,
    AnnouncedMost,
    RuleTwo,
    RuleStars,
    RuleFlood,
    IngestLittle,
    IngestMuch,
    LookHeard,
    LookSilent,
    FrameEncode,
    FrameChart,
    FrameReadings,
    WindowsAll,
    WindowsDay,
}

impl Operation {
    fn title(self) -> &'static str {
        match self {
            Self::AppendSingle => "store: a message of two values, a batch each, from append to frame",
            Self::AppendHundred => "store: a message of two values, 100 a batch, from append to frame",
            Self::DecodeMessage => "decode: a JSON message of two values and a time",
            Self::AnnouncedTwo => "decode: the same where both values were announced",
            Self::AnnouncedMost => "decode: a message of 256 values that were all announced, a message",
            Self::RuleTwo => "decode: the same by a rule of two fields",
            Self::RuleStars => "decode: a message of 64 values by a rule of 64 fields with `*`, a message",
            Self::RuleFlood => "decode: 64 kB of empty objects by that rule, a message",
            Self::IngestLittle => "ingest: a message of two values, store in memory, 1 device",
            Self::IngestMuch => "ingest: the same with 10,000 devices, 100 rules and 2,000 announced metrics",
            Self::LookHeard => "ingest: a look at 10,000 devices that speak, every 2 s",
            Self::LookSilent => "ingest: a look at 10,000 silent devices, every 2 s",
            Self::FrameEncode => "frame: encode and prove, a value",
            Self::FrameChart => "frame: decode for a chart, a value",
            Self::FrameReadings => "frame: decode to readings, a value",
            Self::WindowsAll => "store: windows over 40,000 readings, a chart",
            Self::WindowsDay => "store: windows over one day of them, a chart",
        }
    }

    /// Fewer and more.
    fn counts(self) -> (usize, usize) {
        match self {
            Self::AppendSingle | Self::AppendHundred => (4_000, 20_000),
            Self::DecodeMessage | Self::AnnouncedTwo | Self::RuleTwo => (1_000, 11_000),
            Self::AnnouncedMost | Self::RuleStars => (10, 110),
            Self::IngestLittle | Self::IngestMuch => (2_000, 12_000),
            Self::LookHeard | Self::LookSilent | Self::RuleFlood => (2, 7),
            Self::FrameEncode | Self::FrameChart | Self::FrameReadings => (1, 5),
            Self::WindowsAll | Self::WindowsDay => (2, 12),
        }
    }

    /// Into how many things one run of it is divided.
    fn parts(self) -> f64 {
        match self {
            Self::FrameEncode | Self::FrameChart | Self::FrameReadings => FRAME_ROWS as f64 * 2.0,
            Self::AppendSingle
            | Self::AppendHundred
            | Self::DecodeMessage
            | Self::AnnouncedTwo
            | Self::AnnouncedMost
            | Self::RuleTwo
            | Self::RuleStars
            | Self::RuleFlood
            | Self::IngestLittle
            | Self::IngestMuch
            | Self::LookHeard
            | Self::LookSilent
            | Self::WindowsAll
            | Self::WindowsDay => 1.0,
        }
    }
}

/// Prints one table.
pub fn measure(bench: &Bench, verdicts: &mut Verdicts) -> Result<()> {
    let Some(valgrind) = program("valgrind") else {
        println!(
            "Instructions are left out: valgrind is not installed (on Debian as root: apt-get install -y valgrind).\n"
        );
        return Ok(());
    };
    println!("### Instructions, by callgrind\n\n| | instructions |\n|---|---|");
    for operation in Operation::value_variants() {
        let (fewer, more) = operation.counts();
        let of = |count| operation_instructions(bench, &valgrind, *operation, count);
        let each = (of(more)?.saturating_sub(of(fewer)?)) as f64 / (more - fewer) as f64 / operation.parts();
        println!("| {} | {} |", operation.title(), short(each));
    }
    for (in_flight, budget) in [(1, 8_000.0), (20, 3_500.0)] {
        let each = message_instructions(bench, &valgrind, in_flight)?;
        let title = format!("server: a message of two values from socket to acknowledgement, {in_flight} in flight");
        println!("| {title} | {} |", short(each));
        verdicts.at_most(format!("user instructions a message, {in_flight} in flight"), budget, each, "");
    }
    println!();
    Ok(())
}

fn operation_instructions(bench: &Bench, valgrind: &Path, operation: Operation, count: usize) -> Result<u64> {
    let desk = bench.directory()?;
    let name = operation.to_possible_value().context("every operation has a name")?;
    let mut command = Command::new(valgrind);
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe()?);
    command.arg(WORKER).arg(name.get_name()).arg(count.to_string()).arg(desk.path());
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        bail!("{} under valgrind: {said}", name.get_name());
    }
    collected(&said)
}

/// `==123== Collected : 456`.
fn collected(said: &str) -> Result<u64> {
    let line = said.lines().rev().find_map(|line| line.split_once("Collected :"));
    let (_, number) = line.with_context(|| format!("callgrind told no number: {said}"))?;
    Ok(number.trim().parse()?)
}

/// The server under valgrind twice, with fewer and with more messages. Valgrind is slow, so the time of the flood
/// decides how many those are; the server's own count of acknowledgements divides.
fn message_instructions(bench: &Bench, valgrind: &Path, in_flight: usize) -> Result<f64> {
    let (fewer, few) = server_run(bench, valgrind, in_flight, 2)?;
    let (more, many) = server_run(bench, valgrind, in_flight, 8)?;
    Ok(more.saturating_sub(fewer) as f64 / many.saturating_sub(few).max(1) as f64)
}

/// Instructions of the whole run, and messages acknowledged in it.
fn server_run(bench: &Bench, valgrind: &Path, in_flight: usize, seconds: u64) -> Result<(u64, u64)> {
    let desk = bench.directory()?;
    let script = desk.path().join("under-valgrind");
    let (valgrind, server) = (valgrind.display(), bench.program.display());
    let line =
        format!("#!/bin/sh\nexec '{valgrind}' --tool=callgrind --callgrind-out-file=/dev/null '{server}' \"$@\"\n");
    std::fs::write(&script, line)?;
    executable(&script)?;
    let running = Launch::new(&script, desk.path().join("data"), desk.path()).start()?;
    let runtime = load::runtime()?;
    let during = std::time::Duration::from_secs(seconds);
    let pace = Pace { connections: 10, in_flight, every: None, during };
    let ((), sent) = door::send(&runtime, Door::Mqtt(running.mqtt()), pace, || Ok(()))?;
    running.terminate()?;
    let log = std::fs::read(desk.path().join("server.log"))?;
    Ok((collected(&String::from_utf8_lossy(&log))?, sent.acked))
}

fn executable(script: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755))?)
}

/// Does one operation so many times. `arguments` are its name, the count, and an empty folder.
pub fn worker(arguments: &[String]) -> Result<()> {
    let [name, count, folder] = arguments else { bail!("{WORKER} takes a name, a count and a folder") };
    let operation = Operation::from_str(name, false).map_err(anyhow::Error::msg)?;
    let (count, folder) = (count.parse()?, PathBuf::from(folder));
    match operation {
        Operation::AppendSingle => fill(&folder, count, 1),
        Operation::AppendHundred => fill(&folder, count, 100),
        Operation::DecodeMessage => decode(count),
        Operation::AnnouncedTwo => announced(&["temperature", "humidity"], &climate()?, count),
        Operation::AnnouncedMost => {
            let names: Vec<String> = (0..256).map(|number| format!("v{number}")).collect();
            let values: Vec<String> = names.iter().map(|name| format!(r#""{name}":20.5"#)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            announced(&names, &[format!("{{{}}}", values.join(","))], count)
        }
        Operation::RuleTwo => by_rule(&["temperature", "humidity"], &climate()?, count),
        Operation::RuleStars => by_rule(&["rooms.*.temperature"; 64], &[rooms()], count),
        Operation::RuleFlood => by_rule(&["*.*"; 64], &[format!("[{}{{}}]", "{},".repeat(21_000))], count),
        Operation::IngestLittle => known::messages(known::LITTLE, count),
        Operation::IngestMuch => known::messages(known::MUCH, count),
        Operation::LookHeard => known::looks(known::MUCH, count, false),
        Operation::LookSilent => known::looks(known::MUCH, count, true),
        Operation::FrameEncode | Operation::FrameChart | Operation::FrameReadings => frames(operation, count),
        Operation::WindowsAll => charts(&folder, count, CHARTED as i64 * STEP_MS),
        Operation::WindowsDay => charts(&folder, count, DAY_MS),
    }
}

fn fill(folder: &Path, messages: usize, per_batch: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = open(folder, Options::default())?;
        store.append(bare_store::identities(1)?).await.await;
        let messages: Vec<Message> = Set::A.messages(1, messages)?.collect();
        bare_store::append(&store, bare_store::batches(&messages, per_batch)?).await;
        Ok(store.close().await?)
    })
}

fn climate() -> Result<Vec<String>> {
    Ok(Set::A.messages(1, 100)?.map(|message| message.json(Set::A)).collect())
}

fn decode(count: usize) -> Result<()> {
    let topic = Topic::parse("bench/climate-0")?;
    for message in climate()?.iter().cycle().take(count) {
        std::hint::black_box(decode::decode(&topic, message.as_bytes(), None));
    }
    Ok(())
}

fn announced(names: &[&str], messages: &[String], count: usize) -> Result<()> {
    let metric = |name: &&str| {
        serde_json::json!({"topic": "bench/climate-0", "pick": {"path": format!("/{name}")}, "device": "bench/climate-0",
            "metric": name, "kind": "measurement", "diagnostic": false})
    };
    let metrics = serde_json::Value::from(names.iter().map(metric).collect::<Vec<_>>());
    let metrics: Vec<AnnouncedMetric> = serde_json::from_value(metrics)?;
    let topic = Topic::parse("bench/climate-0")?;
    for message in messages.iter().cycle().take(count) {
        std::hint::black_box(decode::announced::read(&topic, message.as_bytes(), &metrics));
    }
    Ok(())
}

/// 64 temperatures, each at one place.
fn rooms() -> String {
    let room = |number| format!(r#""room{number}":{{"temperature":20.5,"name":"{number}"}}"#);
    format!(r#"{{"rooms":{{{}}}}}"#, (0..64).map(room).collect::<Vec<_>>().join(","))
}

fn by_rule(paths: &[&str], messages: &[String], count: usize) -> Result<()> {
    let field = |(number, path): (usize, &&str)| serde_json::json!({"path": path, "metric": format!("m{number}")});
    let fields: Vec<_> = paths.iter().enumerate().map(field).collect();
    let spec = serde_json::json!({"match": "bench/{device}", "time": {"path": "ts"}, "fields": fields});
    let rule = Rule::compile(&serde_json::from_value(spec)?)?;
    let topic = Topic::parse("bench/climate-0")?;
    for message in messages.iter().cycle().take(count) {
        std::hint::black_box(rule.read(&topic, message.as_bytes()));
    }
    Ok(())
}

fn frames(operation: Operation, count: usize) -> Result<()> {
    let messages: Vec<Message> = Set::A.messages(1, FRAME_ROWS)?.collect();
    let key = |message: &Message| ReadingKey { time: Timestamp::saturating(message.time), n: 0 };
    let cell = |number: f64| Cell {
        value: Value::Number(number),
        judgement: Judgement::Good,
        time_source: TimeSource::Device,
        claimed_ms: None,
    };
    let column = |metric: usize| Column {
        series: bare_store::series(0, metric),
        cells: messages.iter().map(|message| Some(cell(message.values[metric]))).collect(),
    };
    let frame = Frame { keys: messages.iter().map(key).collect(), columns: (0..2).map(column).collect() };
    let blob = encode(&frame)?.blob;
    let mut charted = Charted::default();
    for _ in 0..count {
        if operation == Operation::FrameEncode {
            std::hint::black_box(encode(&frame)?);
            continue;
        }
        let opened = frame::open(&blob)?;
        for series in (0..2).map(|metric| bare_store::series(0, metric)) {
            if operation == Operation::FrameChart {
                opened.charted_into(series, &mut charted)?;
                std::hint::black_box(&charted);
            } else {
                std::hint::black_box(opened.readings(series)?);
            }
        }
    }
    Ok(())
}

fn charts(folder: &Path, count: usize, span_ms: i64) -> Result<()> {
    fill(folder, CHARTED, 100)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = open(folder, Options::default())?;
        let end = START_MS + CHARTED as i64 * STEP_MS;
        let range = TimeRange { from: Timestamp::saturating(end - span_ms), to: Timestamp::saturating(end) };
        let grid = Grid::covering(range, Resolution::for_width(range, 1_000));
        for _ in 0..count {
            std::hint::black_box(store.windows(bare_store::series(0, 0), grid.clone()).await?);
        }
        Ok(store.close().await?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_that_callgrind_tells_is_the_sum() {
        assert_eq!(collected("==1== Callgrind\n==1== Collected : 12345\n").unwrap(), 12_345);
        assert!(collected("==1== nothing").is_err());
    }
}
