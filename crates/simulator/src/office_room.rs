//! *Office room, replay*: two weeks of real readings of one office, played again as if they were today's.
//!
//! Rows are moved by whole days, so that noon stays noon. The move is chosen so that the present lies in the last day of
//! the set: about 15 days are there at once, and the rest arrives row by row at its own (moved) time, about one a minute. When
//! the set ends it starts again, [`CYCLE_DAYS`] later. Nothing is made up: a gap in the set is a gap in the replay, so nothing arrives
//! between the end of one round and the start of the next (09:19 to 14:19 UTC).
//!
//! Times are in the payload. A row that is sent twice is therefore the same reading and counted as a duplicate; the
//! caller avoids even that by passing the time of the last reading it has.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use model::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use crate::client::{ClientError, Connection, Message, PacketIds};

/// The readings, with their source and licence in `data/README.md`.
pub const CSV: &str = include_str!("../data/office-room.csv");
/// Where the replay is published; the device is called the same.
pub const TOPIC: &str = "demo/office-room";
/// Who says so, for the badge beside the device.
pub const SOURCE: &str = "Occupancy Detection, L. Candanedo and V. Feldheim, UCI Machine Learning Repository";
/// The licence of the readings.
pub const LICENCE: &str = "CC BY 4.0";
/// Publishes in flight while the past is caught up. When they are reached the replay waits for the server.
pub const IN_FLIGHT_MAX: usize = 100;
/// Days from the start of one round to the start of the next: the length of the set, rounded up.
pub const CYCLE_DAYS: i64 = 16;

const DAY_MS: i64 = 86_400_000;
/// The clock is looked at again at least this often, because it may be set.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// One row of the set. It is published under the names of the set's columns, which declare the units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Row {
    /// UTC milliseconds.
    #[serde(rename = "ts")]
    pub time: i64,
    /// °C.
    #[serde(rename = "temperature_c")]
    pub temperature: f64,
    /// Relative humidity in %.
    #[serde(rename = "humidity_pct")]
    pub humidity: f64,
    /// Lux.
    #[serde(rename = "light_lux")]
    pub light: f64,
    /// Parts per million.
    #[serde(rename = "co2_ppm")]
    pub co2: f64,
    /// Whether somebody was in the room.
    pub occupied: bool,
}

/// Why a text is not the readings of an office.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the office readings cannot be read")]
pub struct InvalidRow {
    /// Counted from 1, the head included.
    pub line: usize,
}

/// Why the replay ended before it was stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The set itself.
    #[error(transparent)]
    Row(#[from] InvalidRow),
    /// The set holds no row.
    #[error("the office readings are empty")]
    Empty,
}

impl Row {
    /// As published.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        // A struct of numbers and a boolean always has a JSON form; an empty message would show as unread.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn moved(self, days: i64) -> Self {
        Self { time: self.time + days * DAY_MS, ..self }
    }
}

/// All rows of `csv` in their order, which is the order of their times.
///
/// # Errors
/// The first line that is not `date time,number,number,number,number,0|1`.
pub fn rows(csv: &str) -> Result<Vec<Row>, InvalidRow> {
    let lines = csv.lines().enumerate().skip(1).filter(|(_, line)| !line.is_empty());
    lines.map(|(index, line)| row(line).ok_or(InvalidRow { line: index + 1 })).collect()
}

fn row(line: &str) -> Option<Row> {
    let mut cells = line.split(',');
    let time = civil_millis(cells.next()?)?;
    let mut number = || cells.next()?.parse::<f64>().ok();
    let (temperature, humidity, light, co2) = (number()?, number()?, number()?, number()?);
    let occupied = match cells.next()? {
        "0" => false,
        "1" => true,
        _ => return None,
    };
    cells.next().is_none().then_some(Row { time, temperature, humidity, light, co2, occupied })
}

/// `2015-02-02 14:19:00`, UTC.
fn civil_millis(text: &str) -> Option<i64> {
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    Some(jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?.as_millisecond())
}

/// The endless list of moved rows, of which some are past and the rest come at their time.
#[derive(Clone, Debug)]
pub struct Schedule {
    rows: Vec<Row>,
    days: i64,
    next: usize,
}

impl Schedule {
    /// Starts with the first row later than `since` in the round in whose last day `now` lies.
    ///
    /// # Errors
    /// No row.
    pub fn new(rows: Vec<Row>, now: Timestamp, since: Option<Timestamp>) -> Result<Self, ReplayError> {
        let last = rows.last().ok_or(ReplayError::Empty)?.time;
        // The fewest whole days that bring the last row to `now` or behind it.
        let days = (now.millis() - last + DAY_MS - 1).div_euclid(DAY_MS);
        let next = since.map_or(0, |since| rows.partition_point(|row| row.time + days * DAY_MS <= since.millis()));
        Ok(Self { rows, days, next })
    }

    /// The row that comes next, past or future.
    #[must_use]
    pub fn peek(&self) -> Option<Row> {
        match self.rows.get(self.next) {
            Some(row) => Some(row.moved(self.days)),
            None => self.rows.first().map(|row| row.moved(self.days + CYCLE_DAYS)),
        }
    }

    /// Goes on to the row after it.
    pub fn advance(&mut self) {
        self.next += 1;
        if self.next > self.rows.len() {
            self.next = 1;
            self.days += CYCLE_DAYS;
        }
    }

    /// Goes back by `rows`, at most to the start of this round, to send again what was not acknowledged.
    pub fn rewind(&mut self, rows: usize) {
        self.next = self.next.saturating_sub(rows);
    }
}

/// Publishes every row later than `since` to the MQTT server at `mqtt`: what is past at once, the rest at its time.
///
/// Runs until `stop` turns true or its sender is gone. A broken connection is opened again after a second and what was not
/// acknowledged is sent again; its readings are the same ones by their time.
///
/// # Errors
/// The set itself is damaged. Never the network.
pub async fn office_room(
    mqtt: SocketAddr,
    clock: Arc<dyn Clock>,
    since: Option<Timestamp>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ReplayError> {
    let mut schedule = Schedule::new(rows(CSV)?, clock.now(), since)?;
    while !*stop.borrow() {
        let mut unacked = VecDeque::new();
        let played = tokio::select! {
            played = play(mqtt, clock.as_ref(), &mut schedule, &mut unacked) => played,
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        match played {
            Ok(never) => match never {},
            Err(_broken) => schedule.rewind(unacked.len()),
        }
        tokio::select! {
            () = tokio::time::sleep(RECONNECT_AFTER) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
    Ok(())
}

async fn play(
    mqtt: SocketAddr,
    clock: &dyn Clock,
    schedule: &mut Schedule,
    unacked: &mut VecDeque<NonZeroU16>,
) -> Result<std::convert::Infallible, ClientError> {
    let mut connection = Connection::open(mqtt, "demo-office-room").await?;
    let mut ids = PacketIds::default();
    loop {
        while let Some(row) = schedule.peek().filter(|row| row.time <= clock.now().millis()) {
            if unacked.len() >= IN_FLIGHT_MAX {
                break;
            }
            let id = ids.take();
            unacked.push_back(id);
            schedule.advance();
            connection.push(Message::qos1(id, TOPIC, row.payload()))?;
        }
        connection.flush().await?;
        if unacked.is_empty() {
            let until = schedule.peek().map_or(i64::MAX, |row| row.time) - clock.now().millis();
            let wait = Duration::from_millis(u64::try_from(until).unwrap_or(0)).min(LOOK_AGAIN);
            tokio::time::sleep(wait).await;
            continue;
        }
        for id in connection.acks().await? {
            unacked.retain(|waiting| *waiting != id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::saturating(civil_millis(text).unwrap())
    }

    fn schedule(now: &str, since: Option<Timestamp>) -> Schedule {
        Schedule::new(rows(CSV).unwrap(), at(now), since).unwrap()
    }

    #[test]
    fn every_row_of_the_set_is_read() {
        let rows = rows(CSV).unwrap();
        assert_eq!(rows.len(), 20_560);
        assert!(rows.windows(2).all(|pair| pair[0].time < pair[1].time));
        assert_eq!(
            String::from_utf8(rows[2].payload()).unwrap(),
            r#"{"ts":1422886860000,"temperature_c":23.73,"humidity_pct":26.23,"light_lux":572.666666666667,"co2_ppm":769.666666666667,"occupied":true}"#
        );
    }

    #[test]
    fn a_damaged_line_is_named() {
        assert_eq!(rows("head\n2015-02-02 14:19:00,1,2,3,4,1\nnonsense\n"), Err(InvalidRow { line: 3 }));
        assert_eq!(rows("head\n2015-02-02 14:19:00,1,2,3,4,1,5\n"), Err(InvalidRow { line: 2 }));
    }

    #[test]
    fn about_fifteen_days_are_past_and_the_next_row_is_at_most_a_minute_away() {
        for now in ["2026-11-25 00:00:00", "2026-11-25 09:18:30", "2026-11-25 14:20:00", "2027-02-28 23:59:59"] {
            let now_ms = at(now).millis();
            let mut schedule = schedule(now, None);
            let first = schedule.peek().unwrap().time;
            let mut past = 0;
            while schedule.peek().unwrap().time <= now_ms {
                past += 1;
                schedule.advance();
            }
            assert!((14 * DAY_MS..16 * DAY_MS).contains(&(now_ms - first)), "{now}");
            assert!(past > 19_000, "{now}: {past}");
            assert!(schedule.peek().unwrap().time - now_ms <= 61_000, "{now}");
        }
    }

    #[test]
    fn clock_time_is_kept_and_nothing_is_played_twice() {
        let now = "2026-11-25 12:00:00";
        let mut whole = schedule(now, None);
        let first = whole.peek().unwrap();
        assert_eq!((first.time - rows(CSV).unwrap()[0].time) % DAY_MS, 0);
        for _ in 0..1_000 {
            whole.advance();
        }
        let seen = whole.peek().unwrap();
        let rest = schedule("2026-11-25 20:00:00", Some(Timestamp::saturating(seen.time)));
        assert!(rest.peek().unwrap().time > seen.time);
        assert!(rest.peek().unwrap().time - seen.time <= 61_000);
    }

    #[test]
    fn after_the_end_it_starts_again_later_the_same_day() {
        let mut schedule = schedule("2026-11-25 00:00:00", None);
        let start = schedule.peek().unwrap();
        let mut last = start;
        for _ in 0..20_560 {
            last = schedule.peek().unwrap();
            schedule.advance();
        }
        let again = schedule.peek().unwrap();
        assert_eq!(again.time - start.time, CYCLE_DAYS * DAY_MS);
        assert_eq!(again.temperature, start.temperature);
        assert_eq!(again.time - last.time, 5 * 3_600_000);
        schedule.advance();
        assert_eq!(schedule.peek().unwrap().temperature, 23.718);
    }
}
