//! The ways in which boards, gateways and clouds speak: what one measurement looks like on the wire in each of them, and the
//! readings that it must become. The shapes are those of `crates/decode/testdata/samples.jsonl`.

mod binary;
mod clouds;
mod firmware;
mod makers;
mod stations;

use serde_json::Value as Json;

/// Who measures.
#[derive(Clone, Debug)]
pub struct Board {
    /// Unique in the fleet, from 0.
    pub index: usize,
    /// `sim-0042`; also its MQTT client id.
    pub name: String,
    /// Twelve hexadecimal digits in lower case, as of a network interface.
    pub mac: String,
}

impl Board {
    /// The board of that place in the fleet.
    #[must_use]
    pub fn new(index: usize) -> Self {
        Self { index, name: format!("sim-{index:04}"), mac: format!("240ac4{:06x}", index & 0xff_ffff) }
    }
}

/// What a board knows when it speaks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By the board's clock, UTC milliseconds, whole seconds.
    pub t: i64,
    /// °C in steps of 0.01; none if the sensor was not read. Only profiles with [`Profile::failures`] are given none.
    pub temperature: Option<f64>,
    /// % in steps of 0.1; none as with the temperature.
    pub humidity: Option<f64>,
    /// Messages since the board started.
    pub seq: u32,
    /// Seconds since it started.
    pub uptime: u32,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
}

/// A reading that the server must have after the messages of a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Device key.
    pub device: String,
    /// Metric name.
    pub metric: String,
    /// As it must be shown; none where the message does not tell it.
    pub unit: Option<&'static str>,
    /// A number or boolean, null for a failed read.
    pub value: Json,
    /// UTC milliseconds, if the message tells the time.
    pub t: Option<i64>,
}

/// What a board says in one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words {
    /// In this order.
    pub said: Vec<Said>,
    /// What they mean, all together.
    pub truths: Vec<Truth>,
}

impl Words {
    fn say(&mut self, topic: impl Into<String>, payload: impl Into<Vec<u8>>) {
        self.said.push(Said { topic: topic.into(), payload: payload.into() });
    }

    /// Without a time of its own.
    fn means(&mut self, device: &str, metric: &str, unit: Option<&'static str>, value: impl Into<Json>) {
        self.at(device, metric, unit, value, None);
    }

    fn at(&mut self, device: &str, metric: &str, unit: Option<&'static str>, value: impl Into<Json>, t: Option<i64>) {
        self.truths.push(Truth { device: device.to_owned(), metric: metric.to_owned(), unit, value: value.into(), t });
    }

    /// The pair that most of them send.
    fn climate(&mut self, device: &str, moment: &Moment, celsius: Option<&'static str>, t: Option<i64>) {
        self.at(device, "temperature", celsius, json(moment.temperature), t);
        self.at(device, "humidity", Some("%"), json(moment.humidity), t);
    }
}

/// A way to speak.
#[derive(Debug)]
pub struct Profile {
    /// As in the recorded messages: `tasmota`, `z2m` …
    pub name: &'static str,
    /// Its messages tell the time, so that late, reordered and repeated ones are told apart.
    pub clock: bool,
    /// It can say that a read failed.
    pub failures: bool,
    speak: fn(&Board, &Moment, &mut Words),
}

impl Profile {
    const fn plain(name: &'static str, speak: fn(&Board, &Moment, &mut Words)) -> Self {
        Self { name, clock: false, failures: false, speak }
    }

    const fn failing(self) -> Self {
        Self { failures: true, ..self }
    }

    const fn dated(self) -> Self {
        Self { clock: true, ..self }
    }

    /// What `board` says in that moment.
    #[must_use]
    pub fn words(&self, board: &Board, moment: &Moment) -> Words {
        let mut words = Words::default();
        (self.speak)(board, moment, &mut words);
        words
    }
}

/// All of them.
pub const PROFILES: &[Profile] = &[
    Profile::plain("generic.number", makers::number).failing(),
    Profile::plain("generic.csv", makers::csv),
    Profile::plain("generic.json", makers::json).failing(),
    Profile::plain("ours", makers::ours).dated(),
    Profile::plain("ours.batch", makers::ours_batch).dated(),
    Profile::plain("influx", makers::influx).dated(),
    Profile::plain("tasmota", firmware::tasmota).failing(),
    Profile::plain("tasmota.epoch", firmware::tasmota_epoch).dated(),
    Profile::plain("esphome", firmware::esphome).failing(),
    Profile::plain("z2m", firmware::zigbee2mqtt),
    Profile::plain("shelly.gen1", firmware::shelly_gen1),
    Profile::plain("shelly.gen2", firmware::shelly_gen2).dated(),
    Profile::plain("omg", firmware::theengs),
    Profile::plain("rtl_433", firmware::rtl_433),
    Profile::plain("homie4", firmware::homie4),
    Profile::plain("homie5", firmware::homie5),
    Profile::plain("zwavejs", firmware::zwavejs).dated(),
    Profile::plain("meshtastic", firmware::meshtastic).dated(),
    Profile::plain("sparkplug", binary::sparkplug).dated(),
    Profile::plain("cbor", binary::cbor).dated(),
    Profile::plain("senml", binary::senml).dated(),
    Profile::plain("ttn", clouds::ttn).dated(),
    Profile::plain("chirpstack", clouds::chirpstack).dated(),
    Profile::plain("thingsboard", clouds::thingsboard).dated(),
    Profile::plain("thingsboard.gateway", clouds::thingsboard_gateway).dated(),
    Profile::plain("aws", clouds::aws),
    Profile::plain("azure", clouds::azure),
    Profile::plain("adafruit", clouds::adafruit),
    Profile::plain("thingspeak", clouds::thingspeak),
    Profile::plain("cayenne", clouds::cayenne),
    Profile::plain("cloudevents", clouds::cloudevents).dated(),
    Profile::plain("domoticz", stations::domoticz),
    Profile::plain("ruuvi", stations::ruuvi).dated(),
    Profile::plain("ecowitt", stations::ecowitt),
    Profile::plain("weewx", stations::weewx).dated(),
    Profile::plain("victron", stations::victron),
    Profile::plain("airgradient", stations::airgradient),
    Profile::plain("luftdaten", stations::luftdaten),
];

/// The profiles of those names; all where none is named.
///
/// # Errors
/// The first name that is none.
pub fn named(names: &[String]) -> Result<Vec<&'static Profile>, String> {
    if names.is_empty() {
        return Ok(PROFILES.iter().collect());
    }
    let find =
        |name: &String| PROFILES.iter().find(|profile| profile.name == name.as_str()).ok_or_else(|| name.clone());
    names.iter().map(find).collect()
}

fn json(value: Option<f64>) -> Json {
    value.map_or(Json::Null, Json::from)
}

/// As firmware prints numbers: two digits, `nan` for a failed read.
fn text(value: Option<f64>) -> String {
    value.map_or_else(|| String::from("nan"), |value| format!("{value:.2}"))
}

/// For profiles without failures.
fn sure(value: Option<f64>) -> f64 {
    value.unwrap_or_default()
}

/// Whole seconds of a moment.
fn seconds(moment: &Moment) -> i64 {
    moment.t.div_euclid(1000)
}

/// `2026-03-01T10:15:30`, UTC, without a zone.
fn iso(moment: &Moment) -> String {
    let stamp = jiff::Timestamp::from_millisecond(moment.t).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
