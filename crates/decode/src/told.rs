//! Values that come by the name of their metric, such as those of the API and of a table: the name stays as it was told.

use model::{Flaw, Kind, RejectReason, TimeSource, Unit, UnitSource, Value};

use crate::harvest::Harvest;
use crate::name::{Named, metric_of};
use crate::number::{self, Judged};
use crate::unit::Known;
use crate::{ClaimedTime, Found};

/// Longest text in bytes that is kept as a value. A longer one is refused as `limit`.
const TEXT_BYTES_MAX: usize = 1024;

/// One value as it was told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told<'a> {
    /// A decimal, as text so that no digit is lost on the way.
    Number(&'a str),
    /// True or false.
    Bool(bool),
    /// A read that failed.
    Null,
    /// A word of a sensor that could not be read (`nan`, `unavailable`) or of a switch (`on`, `closed`).
    Word(&'a str),
    /// Words that are the value.
    Text(&'a str),
}

/// A value with what is told beside it.
#[derive(Clone, Copy, Debug)]
pub struct ToldValue<'a> {
    /// The name of the metric.
    pub metric: &'a str,
    /// The value.
    pub told: Told<'a>,
    /// In which it is, where that is told; else what the name says.
    pub unit: Option<&'a Unit>,
    /// What the number means, where that is told; else what the name says.
    pub kind: Option<Kind>,
}

/// What the name of a column says: our name for the metric, with the unit that the name tells.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedMetric {
    /// Lower snake.
    pub metric: String,
    /// None where the name says none.
    pub unit: Option<Unit>,
}

/// Our name for what somebody else calls a metric: `Outside Temp (°C)` has to come without its brackets.
#[must_use]
pub fn named_metric(name: &str) -> NamedMetric {
    let named = metric_of(name);
    NamedMetric { metric: named.name, unit: named.unit.and_then(Known::unit) }
}

/// The unit of our table that a text means; none for any other text.
#[must_use]
pub fn known_unit(text: &str) -> Option<Unit> {
    Known::look_up(text)?.unit()
}

impl<'a> ToldValue<'a> {
    /// A value of which nothing but the name of its metric is told.
    #[must_use]
    pub fn plain(metric: &'a str, told: Told<'a>) -> Self {
        Self { metric, told, unit: None, kind: None }
    }

    fn judged(&self) -> Option<Judged> {
        match self.told {
            Told::Number(text) => number::decimal(text),
            Told::Bool(on) => Some(Judged::good(Value::Bool(on))),
            Told::Null => Some(Judged::bad(Flaw::Null)),
            Told::Word(word) => number::failed_word(word)
                .map(Judged::bad)
                .or_else(|| number::switch_word(word).map(|on| Judged::good(Value::Bool(on)))),
            Told::Text(text) if text.len() > TEXT_BYTES_MAX => Some(Judged::refused(RejectReason::Limit)),
            Told::Text(text) => Some(Judged::good(Value::Text(text.into()))),
        }
    }

    /// The name as it was told, with what it and the value tell about unit and kind.
    fn named(&self) -> Named {
        let named = metric_of(self.metric);
        let known = self.unit.and_then(|unit| Known::look_up(unit.as_str()));
        let named = if named.name == *self.metric { named } else { Named::known(self.metric, known) };
        let named = known.map_or(named.clone(), |known| named.with_unit(known, UnitSource::Payload));
        self.kind.map_or(named.clone(), |kind| named.of_kind(kind))
    }
}

/// Readings of `device` at `time` (UTC milliseconds; none for the time of arrival). Where unit and kind are not told, what the
/// name of a metric says about them is taken from it, if it is a name that we would give ourselves.
///
/// # Errors
/// The metric whose value cannot be read.
pub fn told<'a>(device: &str, values: &[ToldValue<'a>], time: Option<i64>) -> Result<Vec<Found>, &'a str> {
    let mut harvest = Harvest::expecting(values.len());
    for value in values {
        let judged = value.judged().ok_or(value.metric)?;
        let number = matches!(judged.value, Ok(Value::Number(_)));
        harvest.push("", value.metric, value.named(), judged);
        let foreign = value.unit.filter(|unit| number && Known::look_up(unit.as_str()).is_none());
        if let Some(unit) = foreign {
            harvest.unit_of_last(unit.clone());
        }
    }
    harvest.time_since(0, time.map(|ms| ClaimedTime::At { ms, source: TimeSource::Device }));
    Ok(harvest.values(device))
}

#[cfg(test)]
mod tests {
    use model::Judgement;

    use super::*;

    fn one(value: ToldValue<'_>) -> Found {
        told("d", &[value], None).unwrap().remove(0)
    }

    #[test]
    fn a_unit_that_is_told_goes_before_that_of_the_name() {
        let fahrenheit = Unit::parse("°F").unwrap();
        let told = one(ToldValue { unit: Some(&fahrenheit), ..ToldValue::plain("temperature", Told::Number("3500")) });
        // 3500 °C were no temperature, 3500 °F are hot.
        assert_eq!(
            (told.unit, told.unit_source, told.judgement),
            (Some(fahrenheit), UnitSource::Payload, Judgement::Good)
        );
        let furlong = Unit::parse("furlong").unwrap();
        let told = one(ToldValue { unit: Some(&furlong), ..ToldValue::plain("way", Told::Number("3")) });
        assert_eq!((told.unit, told.unit_source), (Some(furlong), UnitSource::Payload));
        let celsius = one(ToldValue::plain("temperature", Told::Number("21")));
        assert_eq!(celsius.unit.unwrap().as_str(), "°C");
    }

    #[test]
    fn words_are_failed_reads_or_switches_and_nothing_else() {
        let word =
            |word| told("d", &[ToldValue::plain("door", Told::Word(word))], None).map(|mut found| found.remove(0));
        assert_eq!(word("nan").unwrap().judgement, Judgement::Bad(Flaw::Nan));
        assert_eq!(word("closed").unwrap().value, Ok(Value::Bool(false)));
        assert_eq!(word("ajar"), Err("door"));
    }
}
