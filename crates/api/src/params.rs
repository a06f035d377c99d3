//! Query parameters and bodies, read strictly: what is not known is refused with a problem.

use std::fmt;

use axum::extract::{FromRequest, FromRequestParts};
use model::{TimeRange, Timestamp};
use serde::de::{Deserialize, Deserializer, Visitor};
use utoipa::ToSchema;

use crate::problem::Problem;

/// A query whose unknown or malformed parameters are a 400 problem.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

/// A path whose malformed segments are a 400 problem.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

/// A JSON body whose unknown or malformed fields are a problem.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub struct Json<T>(pub T);

/// A time as epoch milliseconds or RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, example = "1700000000000 or 2023-11-14T22:13:20Z")]
pub struct Time(pub Timestamp);

impl Time {
    fn parse(text: &str) -> Result<Self, String> {
        let millis = match text.parse::<i64>() {
            Ok(millis) => millis,
            Err(_) => text
                .parse::<jiff::Timestamp>()
                .map_err(|_| format!("{text:?} is neither epoch milliseconds nor RFC 3339"))?
                .as_millisecond(),
        };
        Timestamp::from_millis(millis).map(Self).map_err(|error| error.to_string())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Time;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("epoch milliseconds or an RFC 3339 time")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
                Time::parse(text).map_err(E::custom)
            }
            fn visit_i64<E: serde::de::Error>(self, millis: i64) -> Result<Time, E> {
                Timestamp::from_millis(millis).map(Time).map_err(E::custom)
            }
            fn visit_u64<E: serde::de::Error>(self, millis: u64) -> Result<Time, E> {
                self.visit_i64(i64::try_from(millis).map_err(E::custom)?)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// `from` and `to`, each open when absent.
#[must_use]
pub fn range(from: Option<Time>, to: Option<Time>) -> TimeRange {
    TimeRange { from: from.map_or(TimeRange::ALL.from, |time| time.0), to: to.map_or(TimeRange::ALL.to, |time| time.0) }
}

/// A number within its limits, or the problem that names them.
///
/// # Errors
/// 400 `query_invalid` outside `1..=max`.
pub fn bounded(name: &str, given: Option<u32>, default: u32, max: u32) -> Result<u32, Problem> {
    match given.unwrap_or(default) {
        0 => Err(Problem::bad_request("query_invalid", format!("{name} must be 1 to {max}, not 0"))),
        value if value > max => {
            Err(Problem::bad_request("query_invalid", format!("{name} must be 1 to {max}, not {value}")))
        }
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_time_are_read_and_nothing_else() {
        assert_eq!(Time::parse("1700000000000").unwrap().0.millis(), 1_700_000_000_000);
        assert_eq!(Time::parse("2023-11-14T22:13:20Z").unwrap().0.millis(), 1_700_000_000_000);
        for bad in ["", "yesterday", "1e12", "2023-11-14", "99999999999999999"] {
            assert!(Time::parse(bad).is_err(), "{bad}");
        }
    }
}
