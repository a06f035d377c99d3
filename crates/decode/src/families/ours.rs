//! Our own wire format (`iot/v1/{site}/{device}/telemetry|batch|status|info`), which the example firmware sends.

use model::TimeSource;

use super::availability;
use crate::harvest::Harvest;
use crate::json::{Json, Object, member};
use crate::message::Message;
use crate::name::{Named, metric_of};
use crate::number::Judged;
use crate::unit::Known;
use crate::walk::{Own, Walk, scalar};
use crate::{ClaimedTime, Content, time};

pub(crate) fn read(message: &Message<'_>) -> Option<Content> {
    let ["iot", "v1", _, device, channel] = message.levels.as_slice() else { return None };
    match *channel {
        "status" => availability::told(message).map(|told| availability::content(device, told)),
        "info" => message.value()?.object().map(|_| Content::NoReading { kind: "meta", availability: None }),
        "telemetry" | "cbor" => message.value()?.object().map(|members| telemetry(device, members)),
        "batch" => message.value()?.object().and_then(|members| batch(device, members)),
        _ => None,
    }
}

/// `ts`, or how long before sending it was.
fn claimed(members: &Object<'_>, key: &str) -> Option<ClaimedTime> {
    let at = member(members, key).and_then(time::millis).map(|ms| ClaimedTime::At { ms, source: TimeSource::Device });
    at.or_else(|| whole(members, "age").map(|ms| ClaimedTime::Ago { ms }))
}

fn whole(members: &Object<'_>, key: &str) -> Option<i64> {
    match member(members, key)? {
        Json::Number(text) => text.parse().ok(),
        Json::Null | Json::Bool(_) | Json::Nan | Json::Infinite | Json::Text(_) | Json::List(_) | Json::Object(_) => {
            None
        }
    }
}

/// Flat values beside `seq`, `up` (milliseconds since start), `ts` or `age`, and `err`, which is an event and no value.
fn telemetry(device: &str, members: &Object<'_>) -> Content {
    let mut walk = Walk::naming(names);
    walk.object(members);
    let mut harvest = walk.harvest;
    if let Some(up) = whole(members, "up") {
        let named = metric_of("uptime").with_unit(Known::Second, model::UnitSource::Profile);
        harvest.push("", "up", named, Judged::number(up as f64 / 1000.0));
    }
    harvest.time_since(0, claimed(members, "ts"));
    if harvest.is_empty() {
        return Content::NoReading { kind: "event", availability: None };
    }
    harvest.finish(device)
}

fn names(_: &str, key: &str) -> Own {
    match key {
        "age" | "up" | "err" => Own::Skip,
        "boot" => Own::Named(metric_of("boot_count")),
        _ => Own::Usual,
    }
}

/// Columns: reading i of each was at `t0 + i × dt`. With `age` instead of `t0` the last one is that old. `null` was missed.
fn batch(device: &str, members: &Object<'_>) -> Option<Content> {
    let columns = member(members, "m")?.object()?;
    let dt = whole(members, "dt").unwrap_or(0);
    let start = claimed(members, "t0");
    let longest = columns.iter().filter_map(|(_, column)| column.list()).map(<[_]>::len).max().unwrap_or(0);
    let at = |index: usize| {
        let steps = |count: usize| dt.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX));
        start.map(|start| match start {
            ClaimedTime::At { ms, source } => ClaimedTime::At { ms: ms.saturating_add(steps(index)), source },
            ClaimedTime::Ago { ms } => {
                ClaimedTime::Ago { ms: ms.saturating_add(steps(longest.saturating_sub(index + 1))) }
            }
        })
    };
    let mut harvest = Harvest::default();
    for (key, column) in columns {
        let named = metric_of(key);
        for (index, value) in column.list().unwrap_or_default().iter().enumerate() {
            if *value == Json::Null {
                continue;
            }
            if let Some((judged, _)) = scalar(value, true) {
                let mark = harvest.mark();
                harvest.push("", key, Named::clone(&named), judged);
                harvest.time_since(mark, at(index));
            }
        }
    }
    Some(harvest.finish(device))
}
