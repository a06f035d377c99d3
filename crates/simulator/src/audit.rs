//! What a fleet said against what a server answers: every reading there once with its value, time and unit, none invented, and
//! the books balanced.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use clock::{Clock, SystemClock};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::api::{Api, ApiError, segment};
use crate::fleet::Ran;
use crate::profiles::Truth;

/// So many faults are told one by one.
pub const FAULTS_TOLD_MAX: usize = 20;
/// How long what was acknowledged may take until the books have settled it.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Debug, Default)]
pub struct Audit {
    /// Devices that the fleet's messages name.
    pub devices: usize,
    /// Series of them.
    pub series: usize,
    /// Readings that must be there.
    pub expected: usize,
    /// How many are.
    pub found: usize,
    /// Sentences; the first [`FAULTS_TOLD_MAX`].
    pub faults: Vec<String>,
    /// All of them.
    pub faults_in_all: usize,
}

impl Audit {
    fn fault(&mut self, sentence: String) {
        self.faults_in_all += 1;
        if self.faults.len() < FAULTS_TOLD_MAX {
            self.faults.push(sentence);
        }
    }

    /// Whether nothing is missing, wrong or invented.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.faults_in_all == 0
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} devices with {} series: {} readings expected, {} found",
            self.devices, self.series, self.expected, self.found
        )?;
        if self.is_clean() {
            return write!(out, "; books balance");
        }
        writeln!(out, "; {} faults:", self.faults_in_all)?;
        self.faults.iter().try_for_each(|fault| writeln!(out, "  {fault}"))
    }
}

#[derive(Debug, Deserialize)]
struct Device {
    metrics: Vec<Metric>,
}

#[derive(Debug, Deserialize)]
struct Metric {
    name: String,
    unit: Option<String>,
}

/// A reading as it is compared: numbers by their bits.
type Pair = (Option<i64>, String);
type Series<'t> = BTreeMap<&'t str, (Option<&'static str>, Vec<Pair>)>;

/// Compares a server, which had nothing of the fleet's devices before, with what the fleet said.
///
/// # Errors
/// A server that does not answer.
pub fn audit(api: &Api, ran: &Ran) -> Result<Audit, ApiError> {
    let mut audit = Audit { expected: ran.truths.len(), ..Audit::default() };
    check_books(api, ran, &mut audit)?;
    let mut devices: BTreeMap<&str, Series<'_>> = BTreeMap::new();
    for Truth { device, metric, unit, value, t } in &ran.truths {
        let series = devices.entry(device).or_default().entry(metric).or_insert((*unit, Vec::new()));
        series.1.push((*t, spelled(value)));
    }
    audit.devices = devices.len();
    for (device, series) in devices {
        let path = format!("/devices/{}", segment(device));
        let shown: Device = match api.get(&path, &[]) {
            Ok(shown) => shown,
            Err(ApiError::Refused { status: 404, .. }) => {
                audit.fault(format!("{device} is not there"));
                continue;
            }
            Err(error) => return Err(error),
        };
        for metric in &shown.metrics {
            match series.get(metric.name.as_str()) {
                None => audit.fault(format!("{device} has a metric {} that nobody sent", metric.name)),
                Some((Some(unit), _)) if metric.unit.as_deref() != Some(unit) => {
                    audit.fault(format!("{device} {} is in {:?}, not {unit}", metric.name, metric.unit));
                }
                Some(_) => {}
            }
        }
        for (metric, (_, expected)) in series {
            audit.series += 1;
            let found = api.readings(device, metric)?;
            compare(&mut audit, &format!("{device} {metric}"), expected, found);
        }
    }
    Ok(audit)
}

fn check_books(api: &Api, ran: &Ran, audit: &mut Audit) -> Result<(), ApiError> {
    let clock = SystemClock::new();
    let books = loop {
        let books = api.books()?;
        if books.total.messages.in_flight == 0 || clock.monotonic() > SETTLE_TIMEOUT {
            break books;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    if !books.balanced || !books.total.balances() {
        audit.fault(format!("the books do not balance: {:?}", books.total));
    }
    let received =
        books.sources.iter().find(|book| book.source == "mqtt").map_or(0, |book| book.book.messages.received);
    let sent = ran.tally.published;
    // A message under way when its connection broke may not have come.
    if received > sent || received < sent.saturating_sub(ran.tally.dropped) {
        audit.fault(format!("{sent} messages were sent, {received} received"));
    }
    Ok(())
}

/// Readings with a time of their own by time and value, the others by value.
fn compare(audit: &mut Audit, series: &str, mut expected: Vec<Pair>, found: Vec<(i64, Json)>) {
    let timed = expected.first().is_some_and(|(t, _)| t.is_some());
    let mut found: Vec<Pair> = found.into_iter().map(|(t, value)| (timed.then_some(t), spelled(&value))).collect();
    expected.sort_unstable();
    found.sort_unstable();
    let (mut left, mut right) = (expected.iter().peekable(), found.iter().peekable());
    let (mut missing, mut extra) = (Vec::new(), Vec::new());
    loop {
        match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(a), Some(b)) if a == b => {
                audit.found += 1;
                left.next();
                right.next();
            }
            (Some(a), Some(b)) if a < b => missing.extend(left.next()),
            (Some(_), None) => missing.extend(left.next()),
            (_, Some(_)) => extra.extend(right.next()),
        }
    }
    if let Some(first) = missing.first() {
        audit.fault(format!("{series}: {} missing, such as {first:?}", missing.len()));
    }
    if let Some(first) = extra.first() {
        audit.fault(format!("{series}: {} that were not sent, such as {first:?}", extra.len()));
    }
}

fn spelled(value: &Json) -> String {
    value.as_f64().map_or_else(|| value.to_string(), |number| format!("{:016x}", number.to_bits()))
}
