//! History (workload W4): a year of 10-second readings, or the real readings of an office, stored by every system through
//! its own door in turns, and asked for again. One table for each set; every row is a figure, every column a system.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clock::{Clock, SystemClock};
use simulator::ledger::grouped;

use crate::figures::Figures;
use crate::sets::{Message, Set};
use crate::systems::{Chart, Kind, System};
use crate::verdicts::{Verdicts, short};
use crate::{Bench, process};

/// Parts in which it is stored; each system has its turn with each part. The first is 1×, all together are 10×.
const PARTS: usize = 10;
/// One kind of question is asked again and again for so long a turn, but not more often than this.
const ASKING: Duration = Duration::from_millis(100);
const ASKED_MAX: u32 = 20;
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
const YEAR_MS: i64 = 365 * DAY_MS;

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    pub devices: usize,
    /// Of each device, in the sets that have no end of their own.
    pub messages: usize,
    /// How often each question is compared.
    pub turns: usize,
}

/// One system while it is measured.
struct Entrant {
    kind: Kind,
    system: Box<dyn System>,
    /// Takes the data with it when it goes.
    _desk: tempfile::TempDir,
    empty_bytes: u64,
    /// Processor time of each part, with what was done in the background until the next part.
    parts: Vec<Duration>,
    took: Duration,
    first_day: Duration,
    stored: Stored,
    asked: Vec<Asked>,
}

/// What it came to after all is stored and compacted.
#[derive(Default)]
struct Stored {
    cpu: Duration,
    written: u64,
    resident: f64,
    most_resident: f64,
    bytes: u64,
    first_answer: Duration,
}

/// One kind of question: processor time and waiting, each turn.
struct Asked {
    cpu: Vec<f64>,
    wall: Vec<f64>,
}

#[derive(Clone, Copy)]
enum Question {
    Chart(Chart),
    Latest,
}

/// Stores one set in every system that is there, asks, prints, and holds the figures against the budgets.
pub fn measure(bench: &Bench, set: Set, extent: Extent, verdicts: &mut Verdicts) -> Result<()> {
    let mut entrants = Vec::new();
    for kind in Kind::found(&Kind::ALL) {
        entrants.push(Entrant::open(kind, bench).with_context(|| format!("cannot measure {}", kind.name()))?);
    }
    let all: Vec<Message> = set.messages(extent.devices, extent.messages)?.collect();
    let (start, end) = (all[0].time, all[all.len() - 1].time);
    let payload: u64 = all.iter().map(|message| message.json(set).len() as u64).sum();
    store(&mut entrants, set, &all)?;
    for entrant in &mut entrants {
        entrant.finish(set, end).with_context(|| entrant.kind.name())?;
        let there = entrant.system.count(set, 0, start, end + 1)?;
        let of_first = all.iter().filter(|message| message.device == 0).count() as u64;
        ensure!(there == of_first, "{} holds {there} of {of_first} readings", entrant.kind.name());
    }
    let whole = Chart::ending(end + 1, (end + 1 - start).min(YEAR_MS));
    let day = Chart::ending(end + 1, DAY_MS);
    let hour = Chart::ending(end + 1, HOUR_MS);
    let days = (end - start) / DAY_MS + 1;
    let span = if days == 365 || days == 366 { "1 year".to_owned() } else { format!("{days} days") };
    let questions = [
        (span.as_str(), Question::Chart(whole)),
        ("1 day", Question::Chart(day)),
        ("1 hour", Question::Chart(hour)),
        ("latest", Question::Latest),
    ];
    for _ in 0..extent.turns {
        for (at, (_, question)) in questions.iter().enumerate() {
            for entrant in &mut entrants {
                let (cpu, wall) = ask(entrant.system.as_ref(), set, *question, end)?;
                entrant.asked[at].cpu.push(cpu);
                entrant.asked[at].wall.push(wall);
            }
        }
    }
    print(set, &entrants, all.len(), payload, &questions);
    judge(set, &entrants, all.len(), verdicts);
    Ok(())
}

impl Entrant {
    fn open(kind: Kind, bench: &Bench) -> Result<Self> {
        let desk = bench.directory()?;
        let mut system = kind.open(bench, desk.path())?;
        system.stop()?;
        let empty_bytes = process::disk_bytes(system.data())?;
        system.start()?;
        let asked = (0..4).map(|_| Asked { cpu: Vec::new(), wall: Vec::new() }).collect();
        let zero = Duration::ZERO;
        let stored = Stored::default();
        Ok(Self {
            kind,
            system,
            _desk: desk,
            empty_bytes,
            parts: Vec::new(),
            took: zero,
            first_day: zero,
            stored,
            asked,
        })
    }

    fn cpu(&self) -> Result<Duration> {
        process::cpu_exact(self.system.pid())
    }

    /// Compacts, weighs, and starts anew.
    fn finish(&mut self, set: Set, end: i64) -> Result<()> {
        let before = self.cpu()?;
        self.system.compact()?;
        let pid = self.system.pid();
        self.stored = Stored {
            cpu: self.parts.iter().sum::<Duration>() + self.cpu()?.saturating_sub(before),
            written: process::written_bytes(pid)?,
            resident: process::resident_mib(pid)?,
            most_resident: process::most_resident_mib(pid)?,
            ..Stored::default()
        };
        self.system.stop()?;
        // What a stop wrote may be put together after the next start.
        self.system.start()?;
        process::settle(self.system.pid())?;
        self.system.stop()?;
        self.stored.bytes = process::disk_bytes(self.system.data())?.saturating_sub(self.empty_bytes);
        let clock = SystemClock::new();
        self.system.start()?;
        while self.system.latest(set, end).is_err() && clock.monotonic() < Duration::from_secs(30) {}
        self.stored.first_answer = clock.monotonic();
        self.system.latest(set, end)
    }
}

/// Part by part, system by system.
fn store(entrants: &mut [Entrant], set: Set, all: &[Message]) -> Result<()> {
    let mut marks = entrants.iter().map(Entrant::cpu).collect::<Result<Vec<_>>>()?;
    for (number, part) in all.chunks(all.len().div_ceil(PARTS)).enumerate() {
        for (entrant, mark) in entrants.iter_mut().zip(&mut marks) {
            if number > 0 {
                let now = entrant.cpu()?;
                entrant.parts.push(now.saturating_sub(*mark));
                *mark = now;
            }
            let clock = SystemClock::new();
            entrant.system.store(set, part).with_context(|| format!("{} stores", entrant.kind.name()))?;
            entrant.took += clock.monotonic();
        }
        if number == 0 {
            first_days(entrants, &mut marks, set, part)?;
        }
    }
    for (entrant, mark) in entrants.iter_mut().zip(&marks) {
        let now = entrant.cpu()?;
        entrant.parts.push(now.saturating_sub(*mark));
    }
    Ok(())
}

/// The chart of one day while there is a tenth of the data. It is not part of what storing takes.
fn first_days(entrants: &mut [Entrant], marks: &mut [Duration], set: Set, part: &[Message]) -> Result<()> {
    let end = part[part.len() - 1].time;
    let day = Question::Chart(Chart::ending(end + 1, DAY_MS));
    for (entrant, mark) in entrants.iter_mut().zip(marks) {
        entrant.system.count(set, 0, end, end + 1)?;
        let before = entrant.cpu()?;
        let (first, _) = ask(entrant.system.as_ref(), set, day, end)?;
        let (second, _) = ask(entrant.system.as_ref(), set, day, end)?;
        entrant.first_day = Duration::from_secs_f64(first.min(second) / 1e3);
        *mark += entrant.cpu()?.saturating_sub(before);
    }
    Ok(())
}

/// Milliseconds of processor time and of waiting for one answer.
fn ask(system: &dyn System, set: Set, question: Question, end: i64) -> Result<(f64, f64)> {
    let clock = SystemClock::new();
    let before = process::cpu_exact(system.pid())?;
    let mut asked = 0;
    while asked == 0 || (asked < ASKED_MAX && clock.monotonic() < ASKING) {
        match question {
            Question::Chart(chart) => system.chart(set, chart)?,
            Question::Latest => system.latest(set, end)?,
        }
        asked += 1;
    }
    let wall = clock.monotonic();
    let cpu = process::cpu_exact(system.pid())?.saturating_sub(before);
    let each = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(asked);
    Ok((each(cpu), each(wall)))
}

fn print(set: Set, entrants: &[Entrant], messages: usize, payload: u64, questions: &[(&str, Question)]) {
    println!("### History, set {}: {} messages\n", set.name(), grouped(messages as u64));
    let names: Vec<&str> = entrants.iter().map(|entrant| entrant.kind.name()).collect();
    println!("| | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    let row = |title: &str, cell: &dyn Fn(&Entrant) -> String| {
        println!("| {title} | {} |", entrants.iter().map(cell).collect::<Vec<_>>().join(" | "));
    };
    let count = messages as f64;
    row("an acknowledgement is worth", &|entrant| entrant.kind.durability().into());
    row("**bytes a message** on disk, compacted", &|entrant| short(entrant.stored.bytes as f64 / count));
    row("of an empty store, MB, not counted above", &|entrant| short(entrant.empty_bytes as f64 / 1e6));
    row("**processor µs a message**, compaction included", &|entrant| short(entrant.micros(messages)));
    row("times Sensorium's, part by part", &|entrant| ratio(&entrant.parts_f64(), &entrants[0].parts_f64()));
    row("messages/s", &|entrant| short(count / entrant.took.as_secs_f64()));
    row("resident MiB after, at most", &|entrant| {
        format!("{}, {}", short(entrant.stored.resident), short(entrant.stored.most_resident))
    });
    row("written to disk: times the payload, times what remains", &|entrant| {
        let written = entrant.stored.written as f64;
        format!("{}, {}", short(written / payload as f64), short(written / entrant.stored.bytes.max(1) as f64))
    });
    row("start to first answer, ms", &|entrant| short(entrant.stored.first_answer.as_secs_f64() * 1e3));
    for (at, (name, question)) in questions.iter().enumerate() {
        let title = match question {
            Question::Chart(chart) => format!("{name} in {} windows", chart.windows()),
            Question::Latest => (*name).to_owned(),
        };
        row(&format!("**{title}**, processor ms"), &|entrant| Figures::of(entrant.asked[at].cpu.clone()).spread());
        row(&format!("{name}, ms until the answer"), &|entrant| Figures::of(entrant.asked[at].wall.clone()).spread());
        row(&format!("{name}, times Sensorium's processor time"), &|entrant| {
            ratio(&entrant.asked[at].cpu, &entrants[0].asked[at].cpu)
        });
    }
    if set != Set::Office {
        row("1 day chart at 10× of the data, times 1×", &|entrant| short(entrant.chart_growth()));
        row("processor time a message at 10×, times 1×", &|entrant| short(entrant.ingest_growth()));
    }
    println!("\nPayload: {:.1} bytes a message.\n", payload as f64 / count);
}

/// Median, least and most of what one takes for what the other takes, pair by pair.
fn ratio(theirs: &[f64], ours: &[f64]) -> String {
    Figures::of(theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours)).spread()
}

impl Entrant {
    fn parts_f64(&self) -> Vec<f64> {
        self.parts.iter().map(Duration::as_secs_f64).collect()
    }

    fn micros(&self, messages: usize) -> f64 {
        self.stored.cpu.as_secs_f64() * 1e6 / messages as f64
    }

    fn median(&self, question: usize) -> f64 {
        Figures::of(self.asked[question].cpu.clone()).median()
    }

    fn chart_growth(&self) -> f64 {
        self.asked[1].cpu.iter().copied().fold(f64::INFINITY, f64::min) / (self.first_day.as_secs_f64() * 1e3)
    }

    /// The last three parts beside the first three: one part alone may have met a flush more or less.
    fn ingest_growth(&self) -> f64 {
        let sum = |parts: &[Duration]| parts.iter().sum::<Duration>().as_secs_f64();
        let parts = &self.parts;
        sum(&parts[parts.len().saturating_sub(3)..]) / sum(&parts[..parts.len().min(3)])
    }
}

fn judge(set: Set, entrants: &[Entrant], messages: usize, verdicts: &mut Verdicts) {
    let Some((ours, peers)) = entrants.split_first() else { return };
    let bytes = |entrant: &Entrant| entrant.stored.bytes as f64 / messages as f64;
    let name = set.name();
    let budget = match set {
        Set::A => Some(0.65),
        Set::B => Some(2.3),
        Set::Office => None,
    };
    if let Some(budget) = budget {
        verdicts.at_most(format!("bytes a message, {name}"), budget, bytes(ours), "");
    }
    let of_peers = |figure: &dyn Fn(&Entrant) -> f64| {
        let servers = peers.iter().filter(|entrant| entrant.kind != Kind::Rows);
        servers.map(|entrant| (entrant.kind.name(), figure(entrant))).collect::<Vec<_>>()
    };
    verdicts.least_of(format!("bytes a message, {name}, beside the peers"), bytes(ours), &of_peers(&bytes), "");
    let charts = [("year", 2.0), ("1 day", 3.0), ("1 hour", 1.5), ("latest", 1.0)];
    for (at, (chart, budget)) in charts.into_iter().enumerate() {
        if set == Set::Office {
            continue;
        }
        verdicts.at_most(format!("{chart}, {name}, processor time"), budget, ours.median(at), " ms");
        let title = format!("{chart}, {name}, beside the peers");
        verdicts.least_of(title, ours.median(at), &of_peers(&|entrant| entrant.median(at)), " ms");
    }
    if set != Set::Office {
        verdicts.at_most(format!("growth 1× → 10×, {name}: 1 day chart"), 1.2, ours.chart_growth(), "×");
        verdicts.at_most(format!("growth 1× → 10×, {name}: processor time a message"), 1.15, ours.ingest_growth(), "×");
    }
}
