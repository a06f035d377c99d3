//! The health of a device as the API shows it, with what a person can do about it.

use std::sync::Arc;

use decode::VALUES_MAX;
use model::{Flaw, Judgement, Timestamp};

use crate::arrival::Cut;
use crate::clients::Trouble;
use crate::inventory::{Device, Inventory, Series};
use crate::status::{Signs, Status};

/// A clock that is further away is worth a word, in milliseconds.
const DRIFT_MAX_MS: u64 = 5_000;
/// A weaker signal loses messages, in dBm.
const SIGNAL_MIN_DBM: f64 = -80.0;
/// A battery below is to be changed, in percent.
const BATTERY_MIN: f64 = 20.0;
/// So many starts since the server started are worth a word.
const RESTARTS_MAX: u64 = 3;
/// A share of lost messages or failed readings from which on it is worth a word, in percent.
const SHARE_MAX: f64 = 1.0;

/// The health of a device since the server started.
#[derive(Clone, Debug)]
pub struct HealthView {
    /// Whether it is heard from.
    pub status: Status,
    /// The same in a sentence.
    pub sentence: String,
    /// The usual time between two messages.
    pub interval_ms: Option<u32>,
    /// How far it usually is from that.
    pub jitter_ms: Option<u32>,
    /// Messages that were stored.
    pub messages: u64,
    /// Messages that came before.
    pub duplicates: u64,
    /// Readings that took the place of another value of the same time.
    pub replaced: u64,
    /// Lost messages and starts; none where the device sends no counters.
    pub loss: Option<LossView>,
    /// How far its clock is ahead; none where it sends no time, or only late ones.
    pub drift_ms: Option<i64>,
    /// Messages whose time was not believed.
    pub clock_bad: u64,
    /// Readings that were stored.
    pub readings: u64,
    /// Of these, how many failed, by why.
    pub bad: Vec<(Flaw, u64)>,
    /// And how many are doubtful, by why.
    pub suspect: Vec<(Flaw, u64)>,
    /// Its newest signal strength, in dBm.
    pub rssi: Option<f64>,
    /// Its newest state of charge, in percent.
    pub battery: Option<f64>,
    /// Who sent its last message: an MQTT client id, or an address.
    pub client: Option<Arc<str>>,
    /// That is a client of our own broker.
    pub of_broker: bool,
    /// What to look at.
    pub hints: Vec<Hint>,
    /// Its metrics.
    pub metrics: Vec<MetricHealth>,
}

/// Numbered messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossView {
    /// That should have come.
    pub expected: u64,
    /// That did not.
    pub missing: u64,
    /// How often the device started anew.
    pub restarts: u64,
}

impl LossView {
    /// Of those expected.
    #[must_use]
    pub fn percent(&self) -> f64 {
        percent(self.missing, self.expected)
    }
}

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// A stable word.
    pub code: &'static str,
    /// For a person.
    pub sentence: String,
}

/// The health of a metric since the server started.
#[derive(Clone, Debug)]
pub struct MetricHealth {
    /// Which.
    pub name: String,
    /// The usual time between two readings.
    pub interval_ms: Option<u32>,
    /// How far it usually is from that.
    pub jitter_ms: Option<u32>,
    /// Since when it stands still although others of the device move.
    pub frozen_since: Option<Timestamp>,
    /// Readings that failed.
    pub bad: u64,
    /// Readings that are doubtful.
    pub suspect: u64,
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// A time span as a person says it.
pub(crate) fn span(ms: i64) -> String {
    let seconds = ms.unsigned_abs() as f64 / 1000.0;
    match seconds {
        ..1.0 => format!("{} ms", ms.unsigned_abs()),
        ..100.0 => format!("{:.0} s", seconds),
        ..6_000.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.0} h", seconds / 3_600.0),
        _ => format!("{:.0} days", seconds / 86_400.0),
    }
}

impl Series {
    /// What the component of its name behind the last dot is.
    fn is(&self, quantity: &str) -> bool {
        let name = self.record.metric.as_str();
        name.rsplit_once('.').map_or(name, |(_, last)| last) == quantity
    }

    fn number(&self) -> Option<f64> {
        self.latest.as_ref()?.charted()
    }

    fn newest(&self) -> Option<Timestamp> {
        Some(self.latest.as_ref()?.key.time)
    }

    fn in_percent(&self) -> bool {
        self.record.unit.as_ref().is_some_and(|unit| unit.as_str() == "%")
    }

    fn frozen_since(&self) -> Option<Timestamp> {
        let frozen = self.latest.as_ref()?.judgement == Judgement::Suspect(Flaw::Frozen);
        self.health.same_since.filter(|_| frozen)
    }

    fn view(&self) -> MetricHealth {
        MetricHealth {
            name: self.record.metric.as_str().to_owned(),
            interval_ms: self.rhythm.interval_ms(),
            jitter_ms: self.rhythm.jitter_ms(),
            frozen_since: self.frozen_since(),
            bad: self.health.bad,
            suspect: self.health.suspect,
        }
    }
}

impl Inventory {
    /// A device that sends batches is quiet between them, one that replays history sends it at once: the longer of the two
    /// rhythms, of its readings and of its messages, is the one to wait for.
    pub(crate) fn signs(&self, device: &Device) -> Signs {
        let series = || device.series.iter().filter_map(|id| self.series(*id));
        let fastest =
            series().filter_map(|series| Some((series.rhythm.interval_ms()?, series.rhythm.jitter_ms()))).min();
        let arrivals = device.arrivals.interval_ms().map(|interval| (interval, device.arrivals.jitter_ms()));
        let pace = fastest.max(arrivals);
        Signs {
            last_seen: device.last_seen,
            away: device.away,
            asleep: device.asleep,
            session: self.session_of(device),
            interval_ms: pace.map(|(interval, _)| interval),
            jitter_ms: pace.and_then(|(_, jitter)| jitter),
            battery: series().any(|series| series.is("battery") || series.is("battery_voltage")),
        }
    }

    /// What is told of a device's health.
    pub(crate) fn health(&self, device: &Device, now: Timestamp) -> HealthView {
        let signs = self.signs(device);
        let health = &device.health;
        let series: Vec<&Series> = device.series.iter().filter_map(|id| self.series(*id)).collect();
        let newest =
            |quantity: &str| series.iter().find(|series| series.is(quantity)).and_then(|series| series.number());
        let loss = health.losses.counts();
        let loss = loss.map(|(expected, missing, restarts)| LossView { expected, missing, restarts });
        let status = signs.status(now);
        let mut view = HealthView {
            status,
            sentence: sentence(&signs, status, series.iter().filter_map(|series| series.newest()).max(), now),
            interval_ms: signs.interval_ms,
            jitter_ms: signs.jitter_ms,
            messages: health.messages,
            duplicates: health.duplicates,
            replaced: health.replaced,
            loss,
            drift_ms: health.drift.drift_ms(),
            clock_bad: device.clock_bad,
            readings: series.iter().map(|series| series.health.readings).sum(),
            bad: health.flaws(2),
            suspect: health.flaws(1),
            rssi: newest("signal_strength"),
            battery: series
                .iter()
                .find(|series| series.is("battery") && series.in_percent())
                .and_then(|it| it.number()),
            client: health.client.clone(),
            of_broker: health.of_broker,
            hints: Vec::new(),
            metrics: series.iter().map(|series| series.view()).collect(),
        };
        view.hints = hints(&view, health.losses.numbered(), &self.troubles(device, now));
        view.hints.extend(health.cut.map(|cut| too_many(&cut)));
        view
    }
}

fn sentence(signs: &Signs, status: Status, newest: Option<Timestamp>, now: Timestamp) -> String {
    let silent = signs.last_seen.map_or_else(String::new, |seen| span(now.millis() - seen.millis()));
    let usual = signs.interval_ms.map(|interval| span(i64::from(interval)));
    match (status, usual) {
        (Status::NeverSeen, _) => match newest {
            None => "It has never been heard.".to_owned(),
            Some(newest) => {
                let age = span(now.millis().saturating_sub(newest.millis()));
                format!("It has never been heard; its newest reading, from a table, is {age} old.")
            }
        },
        (Status::Online, Some(usual)) => format!("It speaks about every {usual}; last {silent} ago."),
        (Status::Online, None) => format!("It was heard {silent} ago; its rhythm is not known yet."),
        (Status::Sleeping, Some(usual)) => format!("It sleeps: it speaks about every {usual}, last {silent} ago."),
        (Status::Sleeping, None) => format!("It sleeps since {silent}; its rhythm is not known yet."),
        (Status::Stale, Some(usual)) => {
            format!("It has been silent for {silent}; it used to speak about every {usual}.")
        }
        (Status::Stale, None) => format!("It has been silent for {silent}."),
        (Status::Offline, _) if signs.away => format!("It said that it is going; last heard {silent} ago."),
        (Status::Offline, _) => format!("Its connection was lost; last heard {silent} ago."),
    }
}

fn hints(view: &HealthView, numbered: bool, troubles: &[Trouble]) -> Vec<Hint> {
    let mut hints = Vec::new();
    let mut hint = |code, sentence: String| hints.push(Hint { code, sentence });
    for trouble in troubles {
        let (code, sentence) = match trouble {
            Trouble::Conflict => {
                ("client_conflict", "Two connections fight for its client id: give each device one of its own.")
            }
            Trouble::Flapping => (
                "flapping",
                "Its connection is lost and made again every few seconds: look at its power supply and its network.",
            ),
        };
        hint(code, sentence.to_owned());
    }
    if let Some(loss) = view.loss {
        if loss.missing > 0 && loss.percent() >= SHARE_MAX {
            let (missing, expected, percent) = (loss.missing, loss.expected, loss.percent());
            hint("loss", format!("{missing} of {expected} messages never came ({percent:.1} %)."));
        }
        if loss.restarts >= RESTARTS_MAX {
            hint("restarts", format!("It started anew {} times: look at its power supply.", loss.restarts));
        }
    }
    if !numbered && view.messages > 0 {
        let sentence = "It does not number its messages (seq), so lost ones cannot be counted.";
        hint("no_sequence", sentence.to_owned());
    }
    if view.clock_bad > 0 {
        let sentence = format!("The time of {} messages was not believed; arrival counts instead.", view.clock_bad);
        hint("clock_bad", sentence);
    }
    if let Some(drift) = view.drift_ms.filter(|drift| drift.unsigned_abs() > DRIFT_MAX_MS) {
        let side = if drift > 0 { "ahead" } else { "behind" };
        hint("clock_drift", format!("Its clock is {} {side}.", span(drift)));
    }
    let bad: u64 = view.bad.iter().map(|(_, count)| count).sum();
    if let Some((flaw, count)) = view.bad.iter().max_by_key(|(_, count)| *count)
        && percent(bad, view.readings) >= SHARE_MAX
    {
        let (readings, why) = (view.readings, reason(*flaw));
        hint("failures", format!("{bad} of {readings} readings failed, {count} of them because {why}."));
    }
    for metric in view.metrics.iter().filter(|metric| metric.frozen_since.is_some()) {
        hint("frozen", format!("{} stands still while others of the device move.", metric.name));
    }
    if let Some(rssi) = view.rssi.filter(|rssi| *rssi < SIGNAL_MIN_DBM) {
        hint("weak_signal", format!("Its signal is weak ({rssi} dBm)."));
    }
    if let Some(battery) = view.battery.filter(|battery| *battery < BATTERY_MIN) {
        hint("battery_low", format!("Its battery is at {battery} %."));
    }
    hints
}

/// What is said of a message that was taken in part.
fn too_many(cut: &Cut) -> Hint {
    let Cut { values, refused } = cut;
    let sentence = format!(
        "A message of it had {values} values, of which {refused} were refused: one message may bring {VALUES_MAX}."
    );
    Hint { code: "too_many_values", sentence }
}

/// Why a reading is not good, for the middle of a sentence.
fn reason(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Nan => "the sensor could not be read (nan)",
        Flaw::Null => "no value was sent",
        Flaw::Infinite => "the number is infinite",
        Flaw::OutOfRange => "the value is impossible",
        Flaw::Ds18b20Disconnected => "the DS18B20 is not connected (−127)",
        Flaw::Ds18b20PowerOn85 => "the DS18B20 had not measured yet (85)",
        Flaw::Dht11 => "the DHT failed (1 and 1)",
        Flaw::ZeroWithBadSibling => "the sensor failed (0)",
        Flaw::UnitChanged => "its unit changed",
        Flaw::Frozen => "it stands still",
        Flaw::Jump => "it jumped",
        Flaw::NotCalculated => "it was announced to be calculated in a way that is not known here",
        Flaw::Other => "of something that this version does not know",
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans_are_said_in_one_unit() {
        let said = [300, 2_000, 90_000, 300_000, 7_200_000, 200_000_000, -3_600_000].map(span);
        assert_eq!(said, ["300 ms", "2 s", "90 s", "5 min", "2 h", "2 days", "60 min"]);
    }
}
