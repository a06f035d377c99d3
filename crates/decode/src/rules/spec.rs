//! A rule as a person writes it, in JSON or on a form.

use model::Kind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to do with the messages of some topics. Only `match` must be there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// For people, at most [`super::NAME_BYTES_MAX`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The topics, such as `greenhouse/{device}/data`. `{x}` and `+` are one level, `{x*}` is one or more. `{site}`,
    /// `{area}` and `{device}` make up the device key, joined by `/` in the order of the topic; `{component}`,
    /// `{metric}` and `{channel}` name the metric; `{_}` is ignored; other names can be used in texts of the rule.
    #[serde(rename = "match")]
    pub topics: String,
    /// How the payload is written.
    #[serde(default)]
    pub format: Format,
    /// Where the time stands. Only with `fields`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeSpec>,
    /// Where the device stands, if not in the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceSpec>,
    /// The values, at most [`super::FIELDS_MAX`]. None: the message is read as usual, with device and metric of the topic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldSpec>,
    /// Messages are passed on by the broker and never read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub route_only: bool,
    /// Times in the message are ignored: the time of arrival counts.
    #[serde(default, skip_serializing_if = "is_false")]
    pub server_time: bool,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

/// How a payload is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Told by the payload and by what the fields ask for.
    #[default]
    Auto,
    /// JSON, with bare `nan` taken as a failed read. With `fields` also what is nearly JSON: other quotes or none, a comma too
    /// many, `True` and `None`.
    Json,
    /// The whole payload is one value.
    Number,
    /// Columns in one or more lines, parted by `;`, tab, `|` or `,`: the first of these that occurs; numbers also by `/`, `#` or
    /// blanks. Brackets and braces around a line are left away.
    Csv,
    /// `InfluxDB` line protocol; the path of a field is `measurement.field` in lower snake.
    LineProtocol,
    /// `SenML` in JSON or CBOR; the path of a field is the metric name as it is read without a rule.
    Senml,
    /// CBOR, read as the JSON that it means.
    Cbor,
    /// `a=1&b=2`, or labels with values such as `T=23.4;H=55.5` and `Temp: 22.5 C, Hum: 40`; the path of a field is the key.
    Form,
}

/// Where the time of a message stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeSpec {
    /// Dotted path; of CSV the number of the column, counted from 1.
    pub path: String,
    /// Without it the unit is told by magnitude, or it is ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<TimeUnit>,
    /// IANA zone of times without one, such as `Europe/Berlin`. Of an hour that occurs twice, the first is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// What a number that is a time counts since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
    /// No number: ISO 8601, with an offset or in the rule's zone.
    Iso,
}

/// Where the device stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceSpec {
    /// Dotted path to a text or number; of CSV the number of the column, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The key where the path leads to nothing: a text with names of the topic, such as `greenhouse/{device}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
}

/// One value of a message, or one per match where its path holds `*`. Of a text with a label before its value, such as
/// `Temp: 23.5 C` or `H=61`, what stands behind the label counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldSpec {
    /// Dotted path: `a.b`, `*` for every member or item, `[n]` counted from 0, `"a.b"` for a key with dots. What `*`
    /// stood for becomes the component of the metric, unless the rule's time or device has the same `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Number of the column of CSV, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Metric name; names of the topic may stand in it: `{metric}`.
    pub metric: String,
    /// Of the value after `scale` and `offset`. A value that says another unit of the same quantity is converted first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What the number means. `text` takes texts, `state` also words like `on`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub kind: Option<Kind>,
    /// Value = raw × scale + offset. 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// 0 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<f64>,
    /// Lowest and highest value, after scale and offset; one outside is suspect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid: Option<[f64; 2]>,
    /// Raw numbers that mean a failed read, at most [`super::BAD_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bad: Vec<f64>,
}
