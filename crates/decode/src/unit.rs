//! The units that we know: one written form each, the look-alikes that mean it, and how to convert inside a dimension.
//!
//! Every conversion that sensors need is affine, so a row is `base = value × scale + offset`. A *difference* of
//! temperatures has no row on purpose: the offset must not be applied to it. Factors are exact by definition
//! (international inch and mile, standard gravity) or from the BIPM SI brochure, 9th edition.

use std::sync::LazyLock;

use model::Unit;

/// What can be converted into one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    Temperature,
    Pressure,
    Voltage,
    Current,
    Power,
    Energy,
    Speed,
    Length,
    Time,
    Mass,
    Volume,
    Frequency,
    Data,
    Concentration,
    Share,
    PrecipitationRate,
    /// Nothing but itself.
    Own,
}

type Row = (Known, &'static str, Dimension, f64, f64, &'static [&'static str]);

macro_rules! units {
    ($($name:ident $text:literal $dimension:ident $scale:literal $offset:literal [$($alike:literal)*];)*) => {
        /// A unit of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Known { $($name,)* }

        /// Written form, dimension, scale, offset, look-alikes in lower case without blanks.
        const TABLE: &[Row] = &[$((Known::$name, $text, Dimension::$dimension, $scale, $offset, &[$($alike),*]),)*];
    };
}

units! {
    Celsius "°C" Temperature 1.0 273.15 ["c" "degc" "cel" "℃" "celsius" "ºc" "*c" "'c" "deg.c" "degreesc" "degrees celsius"];
    Fahrenheit "°F" Temperature 0.5555555555555556 255.3722222222222 ["f" "degf" "℉" "fahrenheit" "ºf" "*f" "[degf]" "deg.f" "degreesf"];
    Kelvin "K" Temperature 1.0 0.0 ["kelvin" "°k" "degk"];
    Pascal "Pa" Pressure 1.0 0.0 ["pa" "pascal"];
    Hectopascal "hPa" Pressure 100.0 0.0 ["hpa" "hectopascal"];
    Millibar "mbar" Pressure 100.0 0.0 ["mb" "millibar"];
    Kilopascal "kPa" Pressure 1000.0 0.0 ["kpa" "kilopascal"];
    Bar "bar" Pressure 100000.0 0.0 [];
    InchMercury "inHg" Pressure 3386.389 0.0 ["inhg" "in.hg" "inchhg" "\"hg"];
    MillimetreMercury "mmHg" Pressure 133.322387415 0.0 ["mmhg" "torr"];
    Psi "psi" Pressure 6894.757293168361 0.0 [];
    Volt "V" Voltage 1.0 0.0 ["v" "volt" "volts"];
    Millivolt "mV" Voltage 0.001 0.0 ["mv" "millivolt" "millivolts"];
    Ampere "A" Current 1.0 0.0 ["a" "amp" "amps" "ampere"];
    Milliampere "mA" Current 0.001 0.0 ["ma" "milliamp" "milliamps" "milliampere"];
    Watt "W" Power 1.0 0.0 ["w" "watt" "watts"];
    Kilowatt "kW" Power 1000.0 0.0 ["kw" "kilowatt" "kilowatts"];
    WattHour "Wh" Energy 1.0 0.0 ["wh" "watthour" "watthours"];
    KilowattHour "kWh" Energy 1000.0 0.0 ["kwh" "kw*h" "kilowatthour" "kilowatthours"];
    VoltAmpere "VA" Own 1.0 0.0 ["va"];
    VoltAmpereReactive "var" Own 1.0 0.0 ["vars"];
    MetrePerSecond "m/s" Speed 1.0 0.0 ["ms-1" "mps" "m/sec" "m.s-1"];
    KilometrePerHour "km/h" Speed 0.2777777777777778 0.0 ["kmh" "kph" "kmph" "km/hr"];
    MilePerHour "mph" Speed 0.44704 0.0 ["mi/h" "mileperhour"];
    Knot "kn" Speed 0.5144444444444445 0.0 ["kt" "kts" "knot" "knots"];
    FootPerSecond "ft/s" Speed 0.3048 0.0 ["fps" "ft/sec"];
    Millimetre "mm" Length 0.001 0.0 ["millimeter" "millimetre"];
    Centimetre "cm" Length 0.01 0.0 ["centimeter" "centimetre"];
    Metre "m" Length 1.0 0.0 ["meter" "metre" "meters" "metres"];
    Kilometre "km" Length 1000.0 0.0 ["kilometer" "kilometre"];
    Inch "in" Length 0.0254 0.0 ["inch" "inches"];
    Foot "ft" Length 0.3048 0.0 ["feet" "foot"];
    MillimetrePerHour "mm/h" PrecipitationRate 1.0 0.0 ["mm/hr"];
    InchPerHour "in/h" PrecipitationRate 25.4 0.0 ["in/hr" "inch/h" "inchperhour"];
    Millisecond "ms" Time 0.001 0.0 ["msec" "millis" "milliseconds"];
    Second "s" Time 1.0 0.0 ["sec" "secs" "second" "seconds"];
    Minute "min" Time 60.0 0.0 ["mins" "minute" "minutes"];
    Hour "h" Time 3600.0 0.0 ["hr" "hrs" "hour" "hours"];
    Day "d" Time 86400.0 0.0 ["day" "days"];
    Gram "g" Mass 1.0 0.0 ["gram" "grams"];
    Kilogram "kg" Mass 1000.0 0.0 ["kilogram" "kilograms"];
    Gravity "g" Own 1.0 0.0 [];
    Litre "L" Volume 1.0 0.0 ["l" "liter" "litre" "liters" "litres"];
    Millilitre "mL" Volume 0.001 0.0 ["ml" "milliliter" "millilitre"];
    CubicMetre "m³" Volume 1000.0 0.0 ["m3" "cbm"];
    Hertz "Hz" Frequency 1.0 0.0 ["hz" "hertz"];
    Kilohertz "kHz" Frequency 1000.0 0.0 ["khz"];
    Megahertz "MHz" Frequency 1000000.0 0.0 ["mhz"];
    Byte "B" Data 1.0 0.0 ["b" "byte" "bytes"];
    Kilobyte "kB" Data 1000.0 0.0 ["kb" "kilobytes"];
    Megabyte "MB" Data 1000000.0 0.0 ["mb." "megabytes"];
    PartsPerMillion "ppm" Share 1.0 0.0 ["p.p.m."];
    PartsPerBillion "ppb" Share 0.001 0.0 ["p.p.b."];
    MicrogramPerCubicMetre "µg/m³" Concentration 1.0 0.0 ["ug/m3" "ug/m³" "μg/m³" "μg/m3" "µg/m3" "ugm3"];
    MilligramPerCubicMetre "mg/m³" Concentration 1000.0 0.0 ["mg/m3"];
    Percent "%" Own 1.0 0.0 ["%rh" "%r.h." "percent" "pct" "prozent" "rh%"];
    Lux "lx" Own 1.0 0.0 ["lux"];
    WattPerSquareMetre "W/m²" Own 1.0 0.0 ["w/m2" "w/m^2"];
    Decibel "dB" Own 1.0 0.0 ["db"];
    DecibelMilliwatt "dBm" Own 1.0 0.0 ["dbm"];
    Degree "°" Own 1.0 0.0 ["deg" "degree" "degrees"];
    Ohm "Ω" Own 1.0 0.0 ["ohm" "ohms" "ω"];
    MicrosiemensPerCentimetre "µS/cm" Own 1.0 0.0 ["us/cm" "μs/cm"];
    PerMinute "1/min" Own 1.0 0.0 ["rpm" "r/min"];
    Gauss "G" Own 1.0 0.0 ["gauss"];
}

static UNITS: LazyLock<Vec<Option<Unit>>> = LazyLock::new(|| TABLE.iter().map(|row| Unit::parse(row.1).ok()).collect());

impl Known {
    fn row(self) -> Option<&'static Row> {
        TABLE.get(self as usize)
    }

    /// The unit as the model has it. `None` never happens: a test walks the table.
    pub(crate) fn unit(self) -> Option<Unit> {
        UNITS.get(self as usize).cloned().flatten()
    }

    pub(crate) fn dimension(self) -> Dimension {
        self.row().map_or(Dimension::Own, |row| row.2)
    }

    /// The unit that a text means, blanks aside. The exact written form goes first, so that `mB` and `MB` stay apart.
    pub(crate) fn look_up(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > 24 {
            return None;
        }
        if let Some(row) = TABLE.iter().find(|row| row.1 == text) {
            return Some(row.0);
        }
        let folded: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
        TABLE
            .iter()
            .find(|row| row.5.contains(&folded.as_str()))
            .or_else(|| TABLE.iter().find(|row| row.1 == folded))
            .map(|row| row.0)
    }

    /// `value` in `self` as a value in `to`; none across dimensions.
    pub(crate) fn convert(self, value: f64, to: Self) -> Option<f64> {
        if self == to {
            return Some(value);
        }
        let (from, to) = (self.row()?, to.row()?);
        (from.2 == to.2 && from.2 != Dimension::Own).then(|| (value * from.3 + from.4 - to.4) / to.3)
    }
}

/// A unit as a device wrote it in the written form of the table, where the table has it; else as it was written.
#[must_use]
pub fn normalise(text: &str) -> Option<Unit> {
    match Known::look_up(text) {
        Some(known) => known.unit(),
        None => Unit::parse(text).ok(),
    }
}

/// `value` in `from` as a value in `to`. None where the two do not measure the same, or one of them is not in our
/// table. Equal units give the value unchanged, bit for bit. Not for differences of temperatures.
#[must_use]
pub fn convert(value: f64, from: &Unit, to: &Unit) -> Option<f64> {
    if from == to {
        return Some(value);
    }
    Known::look_up(from.as_str())?.convert(value, Known::look_up(to.as_str())?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(text: &str) -> Unit {
        Unit::parse(text).unwrap()
    }

    #[test]
    fn every_row_stands_at_its_place_and_can_be_written() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, index);
            assert_eq!(row.0.unit().unwrap().as_str(), row.1);
        }
    }

    #[test]
    fn conversions_agree_with_known_pairs() {
        for (value, from, to, expected) in [
            (100.0, "°C", "°F", 212.0),
            (-40.0, "°F", "°C", -40.0),
            (0.0, "°C", "K", 273.15),
            (29.92, "inHg", "hPa", 1013.207),
            (1.0, "bar", "kPa", 100.0),
            (1013.25, "mbar", "hPa", 1013.25),
            (2985.0, "mV", "V", 2.985),
            (36.0, "km/h", "m/s", 10.0),
            (10.0, "kn", "km/h", 18.52),
            (60.0, "mph", "km/h", 96.56064),
            (1.5, "kWh", "Wh", 1500.0),
        ] {
            let converted = convert(value, &unit(from), &unit(to)).unwrap();
            assert!((converted - expected).abs() < 1e-3, "{value} {from} = {converted} {to}, not {expected}");
        }
        assert_eq!(convert(1.0, &unit("°C"), &unit("hPa")), None);
        assert_eq!(convert(1.0, &unit("V"), &unit("furlong")), None);
        assert_eq!(convert(1.0, &unit("furlong"), &unit("furlong")), Some(1.0));
    }

    #[test]
    fn look_alikes_are_one() {
        for (alike, written) in [
            ("C", "°C"),
            ("degC", "°C"),
            ("Cel", "°C"),
            ("℃", "°C"),
            ("%RH", "%"),
            ("ug/m3", "µg/m³"),
            ("\u{3bc}g/m³", "\u{b5}g/m³"),
            ("Lux", "lx"),
            ("volts", "V"),
            ("MB", "MB"),
            ("kW", "kW"),
        ] {
            assert_eq!(normalise(alike).unwrap().as_str(), written);
        }
        assert_eq!(normalise("furlong").unwrap().as_str(), "furlong");
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same(value in -1e6..1e6_f64, from in 0..TABLE.len(), to in 0..TABLE.len()) {
            let (from, to) = (TABLE[from].0, TABLE[to].0);
            if let Some(there) = from.convert(value, to) {
                let back = to.convert(there, from).unwrap();
                prop_assert!((back - value).abs() <= 1e-9 * value.abs().max(1e6), "{value} {from:?} {there} {to:?} {back}");
            }
        }
    }
}
