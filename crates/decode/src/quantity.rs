//! The quantities that many devices measure, by the many names that they give them.
//!
//! An alias is only ever mapped onto a well-known quantity; every other name stays the device's own. The vocabulary is
//! that of Home Assistant's device classes. Some names are no quantities but tell the time, the device or a unit, or
//! are numbers that nobody wants as a chart: their role stands in the same table, so that one look-up says everything.

use std::sync::LazyLock;

use model::{Kind, UnitSource};

use crate::judge;
use crate::unit::Known;

/// What a judgement of the value needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Temperature,
    Humidity,
    Battery,
    Gas,
    Pressure,
    Other,
}

/// A well-known quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantity {
    pub(crate) name: &'static str,
    pub(crate) unit: Option<Known>,
    pub(crate) unit_source: UnitSource,
    pub(crate) kind: Kind,
    pub(crate) class: Class,
}

impl Quantity {
    /// What that number of it means.
    pub(crate) fn measuring(self, number: f64) -> Self {
        match judge::battery_unit(number, self.class, self.unit_source) {
            None => self,
            unit => Self { unit, class: Class::Other, ..self },
        }
    }

    /// Temperature or humidity, which one sensor measures together.
    pub(crate) fn is_climate(&self) -> bool {
        matches!(self.class, Class::Temperature | Class::Humidity)
    }
}

/// What a name says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    Quantity(Quantity),
    /// When it was.
    Time,
    /// Who it is, for all the world.
    Device,
    /// Who it is among those of its topic.
    DeviceName,
    /// A number or text that describes the message or the device; no reading.
    Meta,
}

const fn quantity(name: &'static str, unit: Option<Known>, unit_source: UnitSource, class: Class) -> Role {
    Role::Quantity(Quantity { name, unit, unit_source, kind: Kind::Measurement, class })
}

/// Always in this unit, whoever sends it.
const fn always(name: &'static str, unit: Known, class: Class) -> Role {
    quantity(name, Some(unit), UnitSource::Name, class)
}

/// Nearly always in this unit; shown as a guess.
const fn usually(name: &'static str, unit: Known, class: Class) -> Role {
    quantity(name, Some(unit), UnitSource::Assumed, class)
}

/// Without a unit, or in one that nobody can know.
const fn bare(name: &'static str) -> Role {
    quantity(name, None, UnitSource::None, Class::Other)
}

const fn of_kind(role: Role, kind: Kind) -> Role {
    match role {
        Role::Quantity(quantity) => Role::Quantity(Quantity { kind, ..quantity }),
        Role::Time | Role::Device | Role::DeviceName | Role::Meta => role,
    }
}

/// A role, and the names that have it: lower case, without blanks, hyphens, dots and underscores.
const NAMES: &[(Role, &str)] = &[
    (
        usually("temperature", Known::Celsius, Class::Temperature),
        "temperature temp tmp temperatur temperatuur temperatura température temperatūra lämpötila teplota hőmérséklet \
         температура sıcaklık sicaklik 温度 wärme atmp",
    ),
    (
        always("temperature", Known::Celsius, Class::Temperature),
        "tempc tc temperaturec tempcelsius temperaturecelsius celsius degc cel",
    ),
    (
        always("temperature", Known::Fahrenheit, Class::Temperature),
        "tempf tf temperaturef tempfahrenheit temperaturefahrenheit fahrenheit degf",
    ),
    (
        always("humidity", Known::Percent, Class::Humidity),
        "humidity hum humid rh rhum relativehumidity humi feuchte feuchtigkeit luftfeuchtigkeit luftfeuchte vochtigheid \
         luchtvochtigheid humedad humidité humidite umidità umidita umidade wilgotność wilgotnosc luftfuktighet fugtighed \
         kosteus vlhkost влажность nem 湿度 humiditypercent humpct",
    ),
    (
        usually("pressure", Known::Hectopascal, Class::Pressure),
        "pressure press luftdruck druck luchtdruk pression presión presion pressione ciśnienie cisnienie lufttryck tlak \
         давление 気圧 atmosphericpressure barometricpressure airpressure baro",
    ),
    (usually("barometer", Known::Hectopascal, Class::Pressure), "barometer"),
    (usually("dew_point", Known::Celsius, Class::Temperature), "dewpoint dew dp taupunkt dewpt dauwpunt"),
    (always("dew_point", Known::Celsius, Class::Temperature), "dewpointc dewptc dpc"),
    (always("dew_point", Known::Fahrenheit, Class::Temperature), "dewpointf dewptf dpf"),
    (usually("heat_index", Known::Celsius, Class::Temperature), "heatindex hi hic feelslike"),
    (always("heat_index", Known::Fahrenheit, Class::Temperature), "hif heatindexf"),
    (
        usually("device_temperature", Known::Celsius, Class::Temperature),
        "devicetemperature cputemp cputemperature chiptemp",
    ),
    (always("co2", Known::PartsPerMillion, Class::Gas), "co2 carbondioxide kohlendioxid rco2 co2ppm scd30co2"),
    (always("eco2", Known::PartsPerMillion, Class::Gas), "eco2 co2eq"),
    (always("co", Known::PartsPerMillion, Class::Gas), "co carbonmonoxide"),
    (bare("tvoc"), "tvoc voc"),
    (always("pm1", Known::MicrogramPerCubicMetre, Class::Other), "pm1 pm01 pm10ug pm1p0"),
    (always("pm2_5", Known::MicrogramPerCubicMetre, Class::Other), "pm25 pm2p5 sdsp2"),
    (always("pm4", Known::MicrogramPerCubicMetre, Class::Other), "pm4 pm40"),
    (always("pm10", Known::MicrogramPerCubicMetre, Class::Other), "pm10 sdsp1"),
    (usually("illuminance", Known::Lux, Class::Other), "illuminance helligkeit illuminancelux"),
    (always("illuminance", Known::Lux, Class::Other), "lux lx"),
    (
        usually("battery", Known::Percent, Class::Battery),
        "battery batt bat batterie batterij batterylevel batlevel batteria bateria batería",
    ),
    (
        always("battery", Known::Percent, Class::Battery),
        "batterypercent batterypct battpercent batpct batterypercentage soc%",
    ),
    (
        usually("battery_voltage", Known::Volt, Class::Other),
        "batteryvoltage battvoltage vbat vbatt batv batteryv battv batvoltage batvolt",
    ),
    (usually("voltage", Known::Volt, Class::Other), "voltage volt volts spannung spanning tension voltaje vcc vdd"),
    (usually("current", Known::Ampere, Class::Other), "current strom stroom amps"),
    (
        usually("power", Known::Watt, Class::Other),
        "power leistung vermogen activepower puissance potencia apower watts",
    ),
    (
        of_kind(usually("energy", Known::KilowattHour, Class::Other), Kind::TotalIncreasing),
        "energy energie energia énergie totalenergy",
    ),
    (of_kind(always("energy", Known::KilowattHour, Class::Other), Kind::TotalIncreasing), "kwh energykwh"),
    (of_kind(always("energy", Known::WattHour, Class::Other), Kind::TotalIncreasing), "wh energywh"),
    (usually("frequency", Known::Hertz, Class::Other), "frequency freq frequenz"),
    (bare("power_factor"), "powerfactor pf factor"),
    (
        always("signal_strength", Known::DecibelMilliwatt, Class::Other),
        "rssi signalstrength wifirssi wifisignal rssidbm wifidbm signaldbm wifisignalstrength wifistrength",
    ),
    (always("snr", Known::Decibel, Class::Other), "snr lorasnr"),
    (bare("linkquality"), "linkquality lqi"),
    (usually("uptime", Known::Second, Class::Other), "uptime uptimesec upt"),
    (usually("free_heap", Known::Byte, Class::Other), "freeheap heapfree freemem"),
    (
        of_kind(always("wind_direction", Known::Degree, Class::Other), Kind::Angle),
        "winddirection winddir winddirdeg windrichtung windbearing winddirectiondeg windrichting",
    ),
    (
        of_kind(always("wind_direction_average", Known::Degree, Class::Other), Kind::Angle),
        "winddiravg winddirectionavg",
    ),
    (bare("wind_speed"), "windspeed windspd windgeschwindigkeit windsnelheid windavg windspeedavg"),
    (bare("wind_gust"), "windgust gust windmax windböe windboe maxwindgust"),
    (
        usually("rain", Known::Millimetre, Class::Other),
        "rain rainfall precipitation regen niederschlag neerslag pluie lluvia",
    ),
    (bare("uv_index"), "uv uvi uvindex"),
    (always("solar_radiation", Known::WattPerSquareMetre, Class::Other), "solarradiation solar irradiance"),
    (bare("soil_moisture"), "soilmoisture moisture soil bodenfeuchte"),
    (usually("distance", Known::Centimetre, Class::Other), "distance abstand afstand distancia"),
    (usually("altitude", Known::Metre, Class::Other), "altitude alt höhe hoehe"),
    (
        of_kind(bare("occupancy"), Kind::State),
        "occupancy occupied presence motion pir movement bewegung anwesenheit beweging",
    ),
    (of_kind(bare("door"), Kind::State), "door tür tuer deur porte puerta"),
    (of_kind(bare("window"), Kind::State), "window fenster raam fenêtre ventana"),
    (of_kind(bare("contact"), Kind::State), "contact"),
    (of_kind(bare("boot_count"), Kind::TotalIncreasing), "bootcount bootcnt boots"),
    (bare("sequence"), "seq sequence seqno sequencenumber sequencenum"),
    (
        Role::Time,
        "ts time timestamp datetime date epoch unixtime unixtimestamp timems tst timestampms epochms measuredat sampledat readat recordedat createdat",
    ),
    (
        Role::Device,
        "uid deviceid devid deviceuid deveui mac macaddress macaddr serialno serialnumber esp8266id esp32id chipid nodeid stationid clientid hwid",
    ),
    (Role::DeviceName, "device devicename sensorid sensorname nodename hostname"),
    (
        Role::Meta,
        "id port endpoint protocol version versioncode fwversion firmware fw sw hw swversion hwversion channel wifichannel \
         usunits qos retain retained msgid messageid lastseen txpower ledmode bssid fport dr adr fcnt counterid schema",
    ),
];

/// Longest name that is looked up, in bytes.
const NAME_BYTES_MAX: usize = 48;
/// Slots of the table, a power of two some times as large as the number of names.
const SLOTS: usize = 4096;

/// An open hash table from folded names to roles. Every message asks it once for every name in it, hence no general map.
struct Table {
    names: Vec<(&'static str, Role)>,
    /// Index into `names` plus one; 0 is empty.
    slots: Vec<u16>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let names: Vec<_> =
        NAMES.iter().flat_map(|(role, names)| names.split_whitespace().map(move |name| (name, *role))).collect();
    let mut slots = vec![0; SLOTS];
    for (index, (name, _)) in names.iter().enumerate() {
        let mut at = hash(name.as_bytes()) as usize % SLOTS;
        while slots.get(at).is_some_and(|slot| *slot != 0) {
            at = (at + 1) % SLOTS;
        }
        if let (Some(slot), Ok(index)) = (slots.get_mut(at), u16::try_from(index + 1)) {
            *slot = index;
        }
    }
    Table { names, slots }
});

/// What a byte of a name counts as: itself in lower case, or nothing (0).
const FOLD: [u8; 256] = {
    let mut fold = [0; 256];
    let mut byte = 0_u8;
    loop {
        if byte.is_ascii_alphanumeric() || byte == b'%' || byte >= 0x80 {
            fold[byte as usize] = byte.to_ascii_lowercase();
        }
        if byte == u8::MAX {
            break fold;
        }
        byte += 1;
    }
};

/// One step of FNV-1a in the width of a machine word, mixed down at the end.
fn stir(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

fn hash(folded: &[u8]) -> u64 {
    mixed(folded.iter().fold(0, |hash, byte| stir(hash, *byte)))
}

fn mixed(hash: u64) -> u64 {
    hash ^ (hash >> 20)
}

/// What a name says, however it is written: `DewPoint`, `dew_point`, `dew-point`.
pub(crate) fn role_of(name: &str) -> Option<Role> {
    if name.is_ascii() {
        return role_of_bytes(name.as_bytes());
    }
    let folded: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    look_up(folded.as_bytes(), hash(folded.as_bytes()))
}

/// The same for a name in ASCII; any other has no role here.
pub(crate) fn role_of_bytes(name: &[u8]) -> Option<Role> {
    // Most names are written as they stand in the table.
    if let Some(role) = look_up(name, hash(name)) {
        return Some(role);
    }
    let mut folded = [0_u8; NAME_BYTES_MAX];
    let mut used = 0;
    let mut hashed = 0;
    for byte in name {
        let fold = FOLD[usize::from(*byte)];
        if fold != 0 {
            *folded.get_mut(used)? = fold;
            used += 1;
            hashed = stir(hashed, fold);
        }
    }
    look_up(folded.get(..used)?, mixed(hashed))
}

fn look_up(folded: &[u8], hash: u64) -> Option<Role> {
    let table = &*TABLE;
    let mut at = hash as usize % SLOTS;
    loop {
        let index = usize::from(*table.slots.get(at)?).checked_sub(1)?;
        let (name, role) = table.names.get(index)?;
        if name.as_bytes() == folded {
            return Some(*role);
        }
        at = (at + 1) % SLOTS;
    }
}

/// The quantity that a name means, if it means one.
pub(crate) fn quantity_of(name: &str) -> Option<Quantity> {
    match role_of(name)? {
        Role::Quantity(quantity) => Some(quantity),
        Role::Time | Role::Device | Role::DeviceName | Role::Meta => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_role_however_it_is_written() {
        for name in ["DewPoint", "dew_point", "dew-point", "DEWPOINT", "dewPoint"] {
            assert_eq!(quantity_of(name).map(|quantity| quantity.name), Some("dew_point"), "{name}");
        }
        for (name, expected) in
            [("Temperatuur", "temperature"), ("HUMIDITÉ", "humidity"), ("Luftfeuchtigkeit", "humidity")]
        {
            assert_eq!(quantity_of(name).map(|quantity| quantity.name), Some(expected), "{name}");
        }
        assert_eq!(role_of("EE-ADMIN-TEMP"), None);
        assert_eq!(role_of(&"x".repeat(500)), None);
    }

    #[test]
    fn no_name_stands_under_two_roles() {
        let mut names: Vec<_> = NAMES.iter().flat_map(|(_, names)| names.split_whitespace()).collect();
        names.sort_unstable();
        for pair in names.windows(2) {
            assert_ne!(pair[0], pair[1]);
        }
    }
}
