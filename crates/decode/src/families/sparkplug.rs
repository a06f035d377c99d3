//! Sparkplug B: `spBv1.0/<group>/<type>/<node>[/<device>]`, protocol buffers.
//!
//! Metrics keep their names as they are written, since commands would have to use the same. Data messages may name a
//! metric by an alias that only the birth message explains; nothing is remembered here, so such values are told to be
//! unreadable and not guessed. Control metrics and properties are no readings.

use model::{Flaw, TimeSource, Value};

use super::availability;
use crate::harvest::Harvest;
use crate::json::Json;
use crate::message::Message;
use crate::name::{Named, metric_of};
use crate::number::{self, Judged};
use crate::protobuf::{Field, fields};
use crate::{ClaimedTime, Content, Presence};

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    let ["spBv1.0", path @ ..] = message.levels.as_slice() else { return None };
    let (kind, device) = match path {
        ["STATE", host] => {
            let told = match message.value().and_then(|value| value.get("online")) {
                Some(Json::Bool(online)) => Some(if *online { Presence::Here } else { Presence::Gone }),
                _ => availability::told(message),
            };
            return Some(match told {
                Some(told) => availability::content(host, told),
                None => Content::NoReading { kind: "meta", availability: None },
            });
        }
        [group, kind, node @ ..] if (1..=2).contains(&node.len()) => (*kind, format!("{group}/{}", node.join("/"))),
        _ => return Some(unreadable("sparkplug_topic", "the topic names no Sparkplug node")),
    };
    Some(match kind {
        "NDEATH" | "DDEATH" => availability::content(&device, Presence::Gone),
        "NBIRTH" | "DBIRTH" | "NDATA" | "DDATA" => payload(&device, message.payload),
        _ => Content::NoReading { kind: "event", availability: None },
    })
}

fn unreadable(reason: &'static str, detail: &str) -> Content {
    Content::Unreadable { reason, detail: detail.into() }
}

fn payload(device: &str, bytes: &[u8]) -> Content {
    let Some(parts) = fields(bytes) else {
        return unreadable("protobuf_invalid", "the bytes are no Sparkplug payload");
    };
    let sent = parts.iter().find(|(number, _)| *number == 1).and_then(|(_, field)| at(*field));
    let mut harvest = Harvest::default();
    let mut aliases = 0;
    for bytes in parts.iter().filter(|(number, _)| *number == 2).filter_map(|(_, field)| field.bytes()) {
        let Some(metric) = Metric::of(bytes) else {
            return unreadable("protobuf_invalid", "a metric of the payload is damaged");
        };
        let Some(name) = metric.name else {
            aliases += 1;
            continue;
        };
        let control = ["Node Control/", "Device Control/", "Properties/"].iter().any(|start| name.starts_with(start));
        if control || name == "bdSeq" || name.is_empty() {
            continue;
        }
        if let Some(judged) = metric.value() {
            let mark = harvest.mark();
            harvest.push("", name, Named { name: name.into(), ..metric_of(name) }, judged);
            harvest.time_since(mark, metric.time);
        }
    }
    if harvest.is_empty() && aliases > 0 {
        return unreadable(
            "sparkplug_alias",
            "the values are named by aliases of a birth message that is not remembered",
        );
    }
    harvest.time_since(0, sent);
    harvest.finish(device)
}

fn at(field: Field<'_>) -> Option<ClaimedTime> {
    Some(ClaimedTime::At { ms: i64::try_from(field.number()?).unwrap_or(i64::MAX), source: TimeSource::Device })
}

#[derive(Default)]
struct Metric<'a> {
    name: Option<&'a str>,
    time: Option<ClaimedTime>,
    datatype: u64,
    null: bool,
    value: Option<(u64, Field<'a>)>,
}

impl<'a> Metric<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut metric = Self::default();
        for (number, field) in fields(bytes)? {
            match number {
                1 => metric.name = Some(field.text()?),
                3 => metric.time = at(field),
                4 => metric.datatype = field.number()?,
                7 => metric.null = field.number()? != 0,
                10..=15 => metric.value = Some((number, field)),
                _ => {}
            }
        }
        Some(metric)
    }

    /// None for texts, bytes, data sets and templates.
    fn value(&self) -> Option<Judged> {
        if self.null {
            return Some(Judged::bad(Flaw::Null));
        }
        let (number, field) = self.value?;
        match (number, field) {
            // Signed integers stand in the unsigned fields as two's complement of their own width.
            (10, Field::Number(bits)) => {
                let bits = u32::try_from(bits).ok()?;
                let signed = match self.datatype {
                    1 => i64::from(bits as u8 as i8),
                    2 => i64::from(bits as u16 as i16),
                    3 => i64::from(bits as i32),
                    _ => i64::from(bits),
                };
                number::decimal(&signed.to_string())
            }
            (11, Field::Number(bits)) if self.datatype == 4 => number::decimal(&(bits as i64).to_string()),
            (11, Field::Number(bits)) => number::decimal(&bits.to_string()),
            (12, Field::Fixed32(bits)) => Some(float(f32::from_bits(bits))),
            (13, Field::Fixed64(bits)) => Some(double(f64::from_bits(bits))),
            (14, Field::Number(bits)) => Some(Judged::good(Value::Bool(bits != 0))),
            _ => None,
        }
    }
}

/// As shortly as its own precision allows: 12.3 and not 12.300000190734863.
fn float(number: f32) -> Judged {
    if number.is_finite() {
        return double(format!("{number:?}").parse().unwrap_or_else(|_| f64::from(number)));
    }
    double(f64::from(number))
}

fn double(number: f64) -> Judged {
    if number.is_nan() {
        Judged::bad(Flaw::Nan)
    } else if number.is_infinite() {
        Judged::bad(Flaw::Infinite)
    } else {
        Judged::number(number)
    }
}
