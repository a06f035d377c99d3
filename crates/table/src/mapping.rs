//! What the columns of a table mean, as a person says it.

use model::Kind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the columns of a table mean. Columns are counted from 1. The values stand in columns of their own (`fields`), or each row
/// is one value that names its metric (`long`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// What parts the cells: `,`, `;`, `|` or a tab.
    #[serde(default = "comma")]
    #[schema(value_type = String)]
    pub delimiter: char,
    /// Whether the first row names the columns.
    #[serde(default = "yes")]
    pub header: bool,
    /// Numbers are written `21,5`, thousands `1.234,5`. Without it `21.5` and `1,234.5`.
    #[serde(default)]
    pub decimal_comma: bool,
    /// When each row was.
    pub time: TimeColumn,
    /// Whose each row is.
    pub device: DeviceColumn,
    /// Columns of values, at most 256.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldColumn>,
    /// One value a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long: Option<LongColumns>,
}

fn comma() -> char {
    ','
}

fn yes() -> bool {
    true
}

/// When a row was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeColumn {
    /// Time, or date.
    pub column: u32,
    /// The time of day, where it stands apart from the date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_day: Option<u32>,
    /// How it is written.
    #[serde(default)]
    pub form: TimeForm,
    /// IANA zone of times without one, such as `Europe/Berlin`. Needed for `dmy` and `mdy`. Of an hour that occurs twice the order
    /// of the rows tells which is meant; an hour that does not occur is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeForm {
    /// `2024-03-31 14:05:00`, with an offset or in the zone.
    #[default]
    Iso,
    /// `31.03.2024 14:05`, `31/03/2024`.
    Dmy,
    /// `03/31/2024 2:05 PM`.
    Mdy,
    /// Seconds since 1970.
    S,
    /// Milliseconds since 1970.
    Ms,
    /// Microseconds since 1970.
    Us,
    /// Nanoseconds since 1970.
    Ns,
}

/// Whose a row is: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceColumn {
    /// The column of device keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The key of the one device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A column of values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldColumn {
    /// Which.
    pub column: u32,
    /// The name of its metric.
    pub metric: String,
    /// Its unit, where the name does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What the numbers mean, where the name does not say it. `text` takes words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub kind: Option<Kind>,
}

/// One value a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LongColumns {
    /// The column of names.
    pub metric: u32,
    /// The column of values.
    pub value: u32,
    /// The column of units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<u32>,
}

/// A mapping that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {sentence}")]
pub struct MappingError {
    /// The member that is wrong, such as `fields[0].metric`.
    pub member: String,
    /// Why.
    pub sentence: String,
}
