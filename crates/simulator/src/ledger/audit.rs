//! What the notes say compared with what the API gives back.

use std::collections::HashMap;

use super::publisher::{Content, DEVICES, Publisher};
use super::report::{Fault, Report};
use crate::api::{Api, ApiError};

type Column = HashMap<i64, Vec<f64>>;

/// Everything that one publisher's devices have in the store.
struct Found {
    temperature: Vec<Column>,
    humidity: Vec<Column>,
    tally: HashMap<u64, usize>,
    readings: u64,
}

/// Reads back every reading of every publisher, notes each message's presence and counts what is wrong into `report`.
/// Returns the number of readings found. `forget` acknowledged messages are overlooked on purpose: the test of the test.
///
/// # Errors
/// The API does not answer.
pub fn audit(api: &Api, publishers: &mut [Publisher], mut forget: u32, report: &mut Report) -> Result<u64, ApiError> {
    report.clear_counts();
    let mut readings = 0;
    for publisher in publishers {
        let mut found = Found::fetch(api, publisher, report)?;
        readings += found.readings;
        let names = (0..DEVICES).map(|device| publisher.dated_device(device)).collect::<Vec<_>>();
        let clockless = publisher.undated_device();
        for sent in publisher.sent_mut() {
            let mut copies = match sent.content {
                Content::Dated { device, time, temperature, humidity } => {
                    let place = || format!("{} at {time}", names[device]);
                    found.take_dated(device, time, [temperature, humidity], place, report)
                }
                Content::Undated { tally } => found.tally.remove(&tally).unwrap_or(0),
            };
            if sent.acked && forget > 0 {
                forget -= 1;
                copies = 0;
            }
            let place = || match sent.content {
                Content::Dated { device, time, .. } => format!("{} at {time}", names[device]),
                Content::Undated { tally } => format!("{clockless} number {tally}"),
            };
            report.judge(sent.acked, sent.seen, copies, place);
            sent.seen = Some(copies > 0);
        }
        found.report_rest(&names, &clockless, report);
    }
    Ok(readings)
}

impl Found {
    fn fetch(api: &Api, publisher: &Publisher, report: &mut Report) -> Result<Self, ApiError> {
        let mut found = Self { temperature: Vec::new(), humidity: Vec::new(), tally: HashMap::new(), readings: 0 };
        for device in 0..DEVICES {
            let name = publisher.dated_device(device);
            let temperature = found.column(api, &name, "temperature", report)?;
            let humidity = found.column(api, &name, "humidity", report)?;
            found.temperature.push(temperature);
            found.humidity.push(humidity);
        }
        let name = publisher.undated_device();
        for (time, value) in api.readings(&name, "tally")? {
            found.readings += 1;
            match value.as_f64().filter(|number| *number >= 0.0 && number.fract() == 0.0) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a whole number, at least 0"
                )]
                Some(number) => *found.tally.entry(number as u64).or_default() += 1,
                None => report.fault(Fault::Invented, || format!("{name} at {time}: {value}")),
            }
        }
        Ok(found)
    }

    fn column(&mut self, api: &Api, device: &str, metric: &str, report: &mut Report) -> Result<Column, ApiError> {
        let mut column = Column::new();
        for (time, value) in api.readings(device, metric)? {
            self.readings += 1;
            match value.as_f64() {
                Some(number) => column.entry(time).or_default().push(number),
                None => report.fault(Fault::Invented, || format!("{device} {metric} at {time}: {value}")),
            }
        }
        Ok(column)
    }

    /// How often the whole message is there. Half of it, or another value at its time, is a fault of its own.
    fn take_dated(
        &mut self,
        device: usize,
        time: i64,
        sent: [f64; 2],
        place: impl Fn() -> String,
        report: &mut Report,
    ) -> usize {
        let columns = [&mut self.temperature[device], &mut self.humidity[device]];
        let found = columns.map(|column| column.remove(&time).unwrap_or_default());
        if found[0].len() != found[1].len() {
            report.fault(Fault::Torn, || format!("{}: {found:?}", place()));
        }
        let altered = |(values, sent): (&Vec<f64>, f64)| values.iter().any(|value| value.to_bits() != sent.to_bits());
        if found.iter().zip(sent).any(altered) {
            report.fault(Fault::Altered, || format!("{}: {found:?} instead of {sent:?}", place()));
        }
        found[0].len().min(found[1].len())
    }

    /// What is left was never sent.
    fn report_rest(self, names: &[String], clockless: &str, report: &mut Report) {
        for (device, column) in self.temperature.iter().enumerate().chain(self.humidity.iter().enumerate()) {
            for (time, values) in column {
                report.fault(Fault::Invented, || format!("{} at {time}: {values:?}", names[device]));
            }
        }
        for number in self.tally.keys() {
            report.fault(Fault::Invented, || format!("{clockless} number {number}"));
        }
    }
}
