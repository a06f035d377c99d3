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
mod line_protocol;
mod lorawan;
mod number;
mod ours;
mod senml;
mod shelly;
mod tasmota;
mod text_forms;
mod weather;
mod zigbee2mqtt;

use crate::message::Message;
use crate::{Content, DecoderId};

/// One family.
pub(crate) struct Family {
    pub(crate) id: DecoderId,
    /// What the message says, or nothing where it is none of this family's.
    pub(crate) read: for<'m> fn(&Message<'m>) -> Option<Content>,
}

/// First those that a topic tells, then those that a payload tells, then the generic ones.
pub(crate) const FAMILIES: &[Family] = &[
    Family { id: DecoderId("ours"), read: ours::read },
    Family { id: DecoderId("discovery"), read: discovery::read },
    Family { id: DecoderId("tasmota"), read: tasmota::read },
    Family { id: DecoderId("zigbee2mqtt"), read: zigbee2mqtt::read },
    Family { id: DecoderId("shelly1"), read: shelly::read_first },
    Family { id: DecoderId("homie"), read: homie::read },
    Family { id: DecoderId("esphome"), read: esphome::read },
    Family { id: DecoderId("availability"), read: availability::read },
    Family { id: DecoderId("shelly2"), read: shelly::read_later },
    Family { id: DecoderId("openmqttgateway"), read: gateways::read_toward_mqtt },
    Family { id: DecoderId("rtl_433"), read: gateways::read_rtl433 },
    Family { id: DecoderId("lorawan"), read: lorawan::read },
    Family { id: DecoderId("thingsboard"), read: clouds::read_thingsboard },
    Family { id: DecoderId("aws"), read: clouds::read_aws },
    Family { id: DecoderId("azure"), read: clouds::read_azure },
    Family { id: DecoderId("adafruit"), read: clouds::read_adafruit },
    Family { id: DecoderId("thingspeak"), read: clouds::read_thingspeak },
    Family { id: DecoderId("cayenne"), read: clouds::read_cayenne },
    Family { id: DecoderId("domoticz"), read: clouds::read_domoticz },
    Family { id: DecoderId("ecowitt"), read: weather::read_ecowitt },
    Family { id: DecoderId("ruuvi"), read: appliances::read_ruuvi },
    Family { id: DecoderId("airgradient"), read: appliances::read_airgradient },
    Family { id: DecoderId("zwavejs"), read: appliances::read_zwave },
    Family { id: DecoderId("victron"), read: appliances::read_victron },
    Family { id: DecoderId("weewx"), read: weather::read_weewx },
    Family { id: DecoderId("sensor_community"), read: appliances::read_sensor_community },
    Family { id: DecoderId("meshtastic"), read: appliances::read_meshtastic },
    Family { id: DecoderId("senml"), read: senml::read },
    Family { id: DecoderId("cloudevents"), read: clouds::read_cloud_event },
    Family { id: DecoderId("json"), read: json::read },
    Family { id: DecoderId("number"), read: number::read },
    Family { id: DecoderId("line_protocol"), read: line_protocol::read },
    Family { id: DecoderId("form"), read: text_forms::read_form },
    Family { id: DecoderId("columns"), read: text_forms::read_columns },
];
