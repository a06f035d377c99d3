//! From a device's name for something to our metric name, with what the name tells about unit and kind.
//!
//! Names become lower snake (`freeHeapBytes` → `free_heap_bytes`). A known unit at the end is taken off
//! (`free_heap`, B), and a word that means a well-known quantity takes its name (`outside_temp` →
//! `outside_temperature`). Everything else stays as the device calls it.

use model::{Kind, UnitSource};

use crate::quantity::{Class, Quantity, Role, quantity_of, role_of};
use crate::unit::Known;

/// A metric's last component, and what its name tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) unit: Option<Known>,
    pub(crate) unit_source: UnitSource,
    pub(crate) kind: Kind,
    pub(crate) class: Class,
}

impl Named {
    pub(crate) fn of_quantity(quantity: &Quantity) -> Self {
        Self {
            name: quantity.name.into(),
            unit: quantity.unit,
            unit_source: quantity.unit_source,
            kind: quantity.kind,
            class: quantity.class,
        }
    }

    /// A name that the family gives.
    pub(crate) fn known(name: &str, unit: Option<Known>) -> Self {
        let class = match unit {
            Some(Known::Celsius | Known::Fahrenheit | Known::Kelvin) => Class::Temperature,
            Some(_) | None => quantity_of(last_part(name)).map_or(Class::Other, |quantity| quantity.class),
        };
        let source = if unit.is_some() { UnitSource::Profile } else { UnitSource::None };
        Self { unit, unit_source: source, class, ..Self::plain(name.into()) }
    }

    pub(crate) fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    fn plain(name: String) -> Self {
        let kind = kind_of_words(&name);
        Self { name, unit: None, unit_source: UnitSource::None, kind, class: Class::Other }
    }

    pub(crate) fn with_unit(mut self, unit: Known, source: UnitSource) -> Self {
        self.unit = Some(unit);
        self.unit_source = source;
        self
    }
}

/// Units that may stand at the end of a name as words of it. The longest that fits is taken.
const SUFFIXES: &[(&str, Known)] = &[
    ("celsius", Known::Celsius),
    ("fahrenheit", Known::Fahrenheit),
    ("deg_c", Known::Celsius),
    ("deg_f", Known::Fahrenheit),
    ("degc", Known::Celsius),
    ("degf", Known::Fahrenheit),
    ("percent", Known::Percent),
    ("pct", Known::Percent),
    ("perc", Known::Percent),
    ("hpa", Known::Hectopascal),
    ("h_pa", Known::Hectopascal),
    ("kpa", Known::Kilopascal),
    ("k_pa", Known::Kilopascal),
    ("pa", Known::Pascal),
    ("mbar", Known::Millibar),
    ("inhg", Known::InchMercury),
    ("in_hg", Known::InchMercury),
    ("mmhg", Known::MillimetreMercury),
    ("psi", Known::Psi),
    ("ppm", Known::PartsPerMillion),
    ("ppb", Known::PartsPerBillion),
    ("ug_m3", Known::MicrogramPerCubicMetre),
    ("ugm3", Known::MicrogramPerCubicMetre),
    ("mv", Known::Millivolt),
    ("m_v", Known::Millivolt),
    ("volt", Known::Volt),
    ("volts", Known::Volt),
    ("ma", Known::Milliampere),
    ("m_a", Known::Milliampere),
    ("amps", Known::Ampere),
    ("watt", Known::Watt),
    ("watts", Known::Watt),
    ("kw", Known::Kilowatt),
    ("k_w", Known::Kilowatt),
    ("kwh", Known::KilowattHour),
    ("k_wh", Known::KilowattHour),
    ("wh", Known::WattHour),
    ("lux", Known::Lux),
    ("lx", Known::Lux),
    ("dbm", Known::DecibelMilliwatt),
    ("db", Known::Decibel),
    ("hz", Known::Hertz),
    ("khz", Known::Kilohertz),
    ("mhz", Known::Megahertz),
    ("ms", Known::Millisecond),
    ("millis", Known::Millisecond),
    ("milliseconds", Known::Millisecond),
    ("sec", Known::Second),
    ("secs", Known::Second),
    ("seconds", Known::Second),
    ("minutes", Known::Minute),
    ("hours", Known::Hour),
    ("days", Known::Day),
    ("bytes", Known::Byte),
    ("kb", Known::Kilobyte),
    ("mm", Known::Millimetre),
    ("cm", Known::Centimetre),
    ("km", Known::Kilometre),
    ("inch", Known::Inch),
    ("mm_h", Known::MillimetrePerHour),
    ("mm_per_hour", Known::MillimetrePerHour),
    ("inch_per_hour", Known::InchPerHour),
    ("in_h", Known::InchPerHour),
    ("km_h", Known::KilometrePerHour),
    ("kmh", Known::KilometrePerHour),
    ("kph", Known::KilometrePerHour),
    ("km_per_hour", Known::KilometrePerHour),
    ("mph", Known::MilePerHour),
    ("mi_h", Known::MilePerHour),
    ("knots", Known::Knot),
    ("m_s", Known::MetrePerSecond),
    ("mps", Known::MetrePerSecond),
    ("meter_per_second", Known::MetrePerSecond),
    ("deg", Known::Degree),
    ("degrees", Known::Degree),
    ("kg", Known::Kilogram),
    ("ml", Known::Millilitre),
    ("m3", Known::CubicMetre),
    ("w_m2", Known::WattPerSquareMetre),
    ("rpm", Known::PerMinute),
];

/// Single letters are units only behind a quantity of that dimension: `battery_v`, but not `phase_a`.
const LETTERS: &[(&str, Known, &[&str])] = &[
    ("c", Known::Celsius, &["temperature", "dew_point", "heat_index", "wind_chill", "windchill", "device_temperature"]),
    (
        "f",
        Known::Fahrenheit,
        &["temperature", "dew_point", "heat_index", "wind_chill", "windchill", "device_temperature"],
    ),
    ("k", Known::Kelvin, &["temperature"]),
    ("v", Known::Volt, &["voltage", "battery", "battery_voltage", "supply", "solar"]),
    ("a", Known::Ampere, &["current"]),
    ("w", Known::Watt, &["power"]),
    ("s", Known::Second, &["uptime", "duration", "interval", "period", "runtime"]),
    ("m", Known::Metre, &["altitude", "distance", "height", "depth", "level"]),
    ("in", Known::Inch, &["rain", "snow", "snowfall"]),
    ("l", Known::Litre, &["volume", "water"]),
    ("g", Known::Gram, &["weight", "mass"]),
];

/// Words that may stand around a quantity without changing what it is.
const QUALIFIERS: &[&str] = &[
    "air",
    "ambient",
    "avg",
    "average",
    "bottom",
    "box",
    "case",
    "compensated",
    "corrected",
    "current",
    "ext",
    "external",
    "floor",
    "in",
    "indoor",
    "inlet",
    "inside",
    "int",
    "internal",
    "last",
    "left",
    "max",
    "mean",
    "min",
    "out",
    "outdoor",
    "outlet",
    "outside",
    "return",
    "right",
    "room",
    "sensor",
    "surface",
    "top",
    "value",
    "water",
];

/// The metric name of a device's name.
pub(crate) fn metric_of(key: &str) -> Named {
    metric_with(role_of(key), key)
}

/// The same where the role of the name is known already.
pub(crate) fn metric_with(role: Option<Role>, key: &str) -> Named {
    if let Some(Role::Quantity(quantity)) = role {
        return Named::of_quantity(&quantity);
    }
    let snake = snake(key);
    if let Some((base, unit)) = without_unit(&snake) {
        let named = match quantity_of(base) {
            Some(quantity) if takes(&quantity, unit) => Named::of_quantity(&quantity),
            Some(_) | None => of_words(base),
        };
        return battery_by_unit(named.with_unit(unit, UnitSource::Name));
    }
    of_words(&snake)
}

/// Whether a quantity can be in that unit: `battery_voltage` cannot be in percent.
fn takes(quantity: &Quantity, unit: Known) -> bool {
    quantity.class == Class::Battery || quantity.unit.is_none_or(|usual| usual.dimension() == unit.dimension())
}

/// A battery in volts is a voltage.
fn battery_by_unit(mut named: Named) -> Named {
    if named.class == Class::Battery && matches!(named.unit, Some(Known::Volt | Known::Millivolt)) {
        named.name.push_str("_voltage");
        named.class = Class::Other;
    }
    named
}

/// Splits a unit off the end of a snake name, where one stands there behind at least one word.
fn without_unit(snake: &str) -> Option<(&str, Known)> {
    let suffix = |word: &str| snake.strip_suffix(word)?.strip_suffix('_').filter(|base| !base.is_empty());
    let longest =
        SUFFIXES.iter().filter_map(|(word, unit)| Some((suffix(word)?, *unit))).min_by_key(|(base, _)| base.len());
    if longest.is_some() {
        return longest;
    }
    let (base, letter) = snake.rsplit_once('_')?;
    let (_, unit, bases) = LETTERS.iter().find(|(word, ..)| *word == letter)?;
    let name = quantity_of(base).map_or(last_word(base), |quantity| quantity.name);
    let name = quantity_of(name).map_or(name, |quantity| quantity.name);
    bases.contains(&name).then_some((base, *unit))
}

fn last_part(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, part)| part)
}

fn last_word(snake: &str) -> &str {
    snake.rsplit_once('_').map_or(snake, |(_, word)| word)
}

/// A snake name of which one word may be a quantity: the last one, or another among qualifiers and numbers.
fn of_words(snake: &str) -> Named {
    if let Some((head, tail)) = snake.split_once('_') {
        for (at, _) in snake.match_indices('_') {
            let (front, word) = (snake.get(..at).unwrap_or(head), snake.get(at + 1..).unwrap_or(tail));
            if let Some(quantity) = quantity_of(word).filter(|_| word.len() > 2) {
                return renamed(&quantity, format!("{front}_{}", quantity.name));
            }
        }
        let qualified =
            tail.split('_').all(|word| QUALIFIERS.contains(&word) || word.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(quantity) = quantity_of(head).filter(|_| qualified) {
            return renamed(&quantity, format!("{}_{tail}", quantity.name));
        }
        return Named::plain(snake.into());
    }
    let base = snake.trim_end_matches(|c: char| c.is_ascii_digit());
    match (quantity_of(base), snake.strip_prefix(base)) {
        (Some(quantity), Some(number)) if base.len() > 2 && !number.is_empty() => {
            renamed(&quantity, format!("{}_{number}", quantity.name))
        }
        _ => Named::plain(snake.into()),
    }
}

fn renamed(quantity: &Quantity, name: String) -> Named {
    Named { name, ..Named::of_quantity(quantity) }
}

/// What a name that is no quantity still says about the kind.
fn kind_of_words(snake: &str) -> Kind {
    let last = last_word(snake);
    let state =
        ["state", "enabled", "active", "alarm", "occupied", "relay", "switch", "open", "running", "online", "motion"];
    if matches!(last, "count" | "counter" | "counts" | "total") && !snake.starts_with("pm") {
        Kind::TotalIncreasing
    } else if matches!(last, "direction" | "heading" | "bearing" | "azimuth") {
        Kind::Angle
    } else if state.contains(&last) {
        Kind::State
    } else {
        Kind::Measurement
    }
}

/// Lower snake: words are what stands between other characters than letters and digits, and where small letters turn
/// into capitals. `DS18B20-2` → `ds18b20_2`, `freeHeapBytes` → `free_heap_bytes`, `A0` → `a0`. Never empty.
pub(crate) fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut chars = name.chars().peekable();
    let mut before: Option<char> = None;
    while let Some(c) = chars.next() {
        if !c.is_alphanumeric() {
            before = None;
            if !snake.is_empty() && !snake.ends_with('_') {
                snake.push('_');
            }
            continue;
        }
        let small_follows = chars.peek().is_some_and(|next| next.is_lowercase());
        let begins = c.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase() || (small_follows && (before.is_uppercase() || before.is_ascii_digit()))
            });
        if begins {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        before = Some(c);
    }
    if snake.ends_with('_') {
        snake.pop();
    }
    if snake.is_empty() { String::from("value") } else { snake }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_become_lower_snake() {
        for (name, expected) in [
            ("freeHeapBytes", "free_heap_bytes"),
            ("DS18B20-2", "ds18b20_2"),
            ("A0", "a0"),
            ("pm003Count", "pm003_count"),
            ("RSSILevel", "rssi_level"),
            ("temperature:0", "temperature_0"),
            ("  x y ", "x_y"),
            ("0x2916", "0x2916"),
            ("--", "value"),
            ("Größe", "größe"),
        ] {
            assert_eq!(snake(name), expected);
        }
    }

    #[test]
    fn units_and_quantities_are_read_from_names() {
        let told = |key: &str| {
            let named = metric_of(key);
            (named.name.clone(), named.unit.and_then(Known::unit).map(|unit| unit.as_str().to_owned()))
        };
        for (key, name, unit) in [
            ("temp_c", "temperature", Some("°C")),
            ("temperature_F", "temperature", Some("°F")),
            ("outside_temp", "outside_temperature", Some("°C")),
            ("temp1", "temperature_1", Some("°C")),
            ("temperature_1", "temperature_1", Some("°C")),
            ("indoor_humidity", "indoor_humidity", Some("%")),
            ("soil_temp_f", "soil_temperature", Some("°F")),
            ("pressure_hpa", "pressure", Some("hPa")),
            ("pressureHPa", "pressure", Some("hPa")),
            ("barometer_inHg", "barometer", Some("inHg")),
            ("uptimeSeconds", "uptime", Some("s")),
            ("freeHeapBytes", "free_heap", Some("B")),
            ("batteryPercent", "battery", Some("%")),
            ("battery_mv", "battery_voltage", Some("mV")),
            ("wind_avg_km_h", "wind_speed", Some("km/h")),
            ("phase_a", "phase_a", None),
            ("lightLevel", "light_level", None),
            ("humidity_alarm", "humidity_alarm", None),
            ("field1", "field1", None),
            ("distance_cm", "distance", Some("cm")),
        ] {
            assert_eq!(told(key), (name.to_owned(), unit.map(str::to_owned)), "{key}");
        }
        assert_eq!(metric_of("humidity_alarm").kind, Kind::State);
        assert_eq!(metric_of("pulse_count").kind, Kind::TotalIncreasing);
        assert_eq!(metric_of("windDir").kind, Kind::Angle);
    }

    proptest! {
        #[test]
        fn any_name_is_read_without_panic(name in any::<String>()) {
            prop_assert!(!metric_of(&name).name.is_empty());
        }
    }
}
