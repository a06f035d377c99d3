//! The families of firmware, one module each, in the order in which they are asked.
//!
//! A family claims a message by its topic or by the shape of its payload, and then answers for it alone. The first one
//! that answers is the decision, and its name is told with it. The generic families stand last and take what is left.

mod appliances;
mod availability;
mod clouds;
mod discovery;
mod esphome;
mod gateways;
mod homie;
mod json;
pub(crate) mod line_protocol;
mod lorawan;
mod number;
mod ours;
mod senml;
mod shelly;
mod sparkplug;
mod tasmota;
mod text_forms;
mod weather;
mod zigbee2mqtt;

pub(crate) use line_protocol::read as read_line_protocol;
pub(crate) use number::read as read_number;
pub(crate) use senml::read as read_senml;
pub(crate) use sparkplug::read as read_sparkplug;
pub(crate) use text_forms::{read_columns, read_form, read_pairs};

use crate::message::Message;
use crate::{Content, DecoderId};

/// One family.
pub(crate) struct Family {
    pub(crate) id: DecoderId,
    /// The cheap part of the question whether it is this family's.
    asked: Asked,
    /// What the message says, or nothing where it is none of this family's.
    pub(crate) read: for<'m> fn(&Message<'m>) -> Option<Content>,
}

/// When a family is asked at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Always.
    Any,
    /// When the first level of the topic is one of [`is_first`].
    First,
    /// When the payload begins like JSON.
    Json,
    /// When it does not.
    Text,
}

/// Whether families are known by that first level.
pub(crate) fn is_first(level: &str) -> bool {
    // A match and no list: it is asked for every message, and compares lengths before texts.
    matches!(
        level,
        "$aws"
            | "N"
            | "airgradient"
            | "application"
            | "channels"
            | "devices"
            | "domoticz"
            | "ecowitt2mqtt"
            | "homie"
            | "iot"
            | "ruuvi"
            | "shellies"
            | "v1"
            | "v2"
            | "v3"
            | "zigbee2mqtt"
            | "zwave"
    )
}

/// The families that may know this message, in their order.
pub(crate) fn asked(message: &Message<'_>) -> impl Iterator<Item = &'static Family> {
    let first = message.level(0).is_some_and(is_first);
    let json = message.is_json();
    FAMILIES.iter().filter(move |family| match family.asked {
        Asked::Any => true,
        Asked::First => first,
        Asked::Json => json,
        Asked::Text => !json,
    })
}

/// First those that a topic tells, then those that a payload tells, then the generic ones.
const FAMILIES: &[Family] = &[
    Family { id: DecoderId("ours"), asked: Asked::First, read: ours::read },
    Family { id: DecoderId("discovery"), asked: Asked::Json, read: discovery::read },
    Family { id: DecoderId("tasmota"), asked: Asked::Any, read: tasmota::read },
    Family { id: DecoderId("zigbee2mqtt"), asked: Asked::First, read: zigbee2mqtt::read },
    Family { id: DecoderId("shelly1"), asked: Asked::First, read: shelly::read_first },
    Family { id: DecoderId("homie"), asked: Asked::First, read: homie::read },
    Family { id: DecoderId("esphome"), asked: Asked::Any, read: esphome::read },
    Family { id: DecoderId("availability"), asked: Asked::Any, read: availability::read },
    Family { id: DecoderId("shelly2"), asked: Asked::Json, read: shelly::read_later },
    Family { id: DecoderId("openmqttgateway"), asked: Asked::Json, read: gateways::read_toward_mqtt },
    Family { id: DecoderId("rtl_433"), asked: Asked::Any, read: gateways::read_rtl433 },
    Family { id: DecoderId("lorawan"), asked: Asked::First, read: lorawan::read },
    Family { id: DecoderId("thingsboard"), asked: Asked::First, read: clouds::read_thingsboard },
    Family { id: DecoderId("aws"), asked: Asked::First, read: clouds::read_aws },
    Family { id: DecoderId("azure"), asked: Asked::First, read: clouds::read_azure },
    Family { id: DecoderId("adafruit"), asked: Asked::Any, read: clouds::read_adafruit },
    Family { id: DecoderId("thingspeak"), asked: Asked::First, read: clouds::read_thingspeak },
    Family { id: DecoderId("cayenne"), asked: Asked::First, read: clouds::read_cayenne },
    Family { id: DecoderId("domoticz"), asked: Asked::First, read: clouds::read_domoticz },
    Family { id: DecoderId("ecowitt"), asked: Asked::First, read: weather::read_ecowitt2mqtt },
    Family { id: DecoderId("ruuvi"), asked: Asked::First, read: appliances::read_ruuvi },
    Family { id: DecoderId("airgradient"), asked: Asked::First, read: appliances::read_airgradient },
    Family { id: DecoderId("zwavejs"), asked: Asked::First, read: appliances::read_zwave },
    Family { id: DecoderId("victron"), asked: Asked::First, read: appliances::read_victron },
    Family { id: DecoderId("lorawan"), asked: Asked::Json, read: lorawan::read_elsewhere },
    Family { id: DecoderId("weewx"), asked: Asked::Json, read: weather::read_weewx },
    Family { id: DecoderId("sensor_community"), asked: Asked::Json, read: appliances::read_sensor_community },
    Family { id: DecoderId("meshtastic"), asked: Asked::Json, read: appliances::read_meshtastic },
    Family { id: DecoderId("senml"), asked: Asked::Json, read: senml::read },
    Family { id: DecoderId("cloudevents"), asked: Asked::Json, read: clouds::read_cloud_event },
    Family { id: DecoderId("json"), asked: Asked::Json, read: json::read },
    Family { id: DecoderId("number"), asked: Asked::Text, read: number::read },
    Family { id: DecoderId("ecowitt"), asked: Asked::Text, read: weather::read_ecowitt_form },
    Family { id: DecoderId("line_protocol"), asked: Asked::Text, read: line_protocol::read },
    Family { id: DecoderId("form"), asked: Asked::Text, read: text_forms::read_form },
    Family { id: DecoderId("columns"), asked: Asked::Text, read: text_forms::read_columns },
    Family { id: DecoderId("pairs"), asked: Asked::Text, read: text_forms::read_pairs },
];
