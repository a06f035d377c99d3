//! Home Assistant's discovery: `<prefix>/<component>/[<node>/]<object>/config` announces one value, and
//! `<prefix>/device/<object>/config` all those of a device. Names may be short, `~` stands for a base topic.

use model::{Kind, Topic};

use super::availability::{TOPICS_MAX, WORD_BYTES_MAX};
use super::template;
use super::usual::usual_at;
use super::{
    AnnouncedAvailability, AnnouncedDevice, AnnouncedMetric, Announcement, CONFIG_BYTES_MAX, Calculation, Mode, Pick,
    last_of,
};
use crate::json::{Json, Object, member};
use crate::message::Message;
use crate::name::{Named, metric_of, snake};
use crate::place::device_by_id;
use crate::{Decoded, DecoderId, place, unit};

/// Longest text that is shown to people, in characters. A longer one is cut.
const SHOWN_CHARS_MAX: usize = 120;

/// Levels of a topic of a configuration.
struct Place<'m> {
    prefix: &'m str,
    component: &'m str,
    node: Option<&'m str>,
    object: &'m str,
}

impl<'m> Place<'m> {
    fn of(levels: &[&'m str]) -> Option<Self> {
        match levels {
            [prefix, component, object, "config"] => Some(Self { prefix, component, node: None, object }),
            [prefix, component, node, object, "config"] => Some(Self { prefix, component, node: Some(node), object }),
            _ => None,
        }
    }
}

/// An empty message on such a topic withdraws what was announced there.
pub(crate) fn withdrawn(topic: &Topic) -> Option<Decoded> {
    let levels: Vec<&str> = topic.as_str().split('/').collect();
    let known = Place::of(&levels)?.prefix == "homeassistant";
    known.then(|| Decoded { decoder: DecoderId("discovery"), content: Announcement::of(topic.as_str()).into() })
}

pub(crate) fn read(message: &Message<'_>) -> Option<Announcement> {
    let place = Place::of(&message.levels)?;
    let root = message.value()?.object()?;
    let mut announcement = Announcement::of(message.topic);
    if message.payload.len() > CONFIG_BYTES_MAX {
        announcement.left_out = 1;
        return Some(announcement);
    }
    let about = get(root, "device", "dev").and_then(Json::object);
    match get(root, "components", "cmps").and_then(Json::object) {
        Some(components) => {
            for (key, component) in components {
                let Some(own) = component.object() else { continue };
                let kind = get(own, "platform", "p").and_then(Json::text).unwrap_or_default();
                let one = One { own, root, place: &place, key: Some(key), about };
                add(&mut announcement, kind, &one);
            }
        }
        None => add(&mut announcement, place.component, &One { own: root, root, place: &place, key: None, about }),
    }
    let told = |long, short| about.and_then(|about| get(about, long, short)).and_then(Json::text).map(shown);
    let by_metric = announcement.metrics.first().map(|metric| metric.device.clone());
    let by_itself = || about.and_then(identifier).map(|id| device_by_id(id, message.topic));
    if let Some(device) = by_metric.or_else(by_itself) {
        let (name, model, firmware) = (told("name", "name"), told("model", "mdl"), told("sw_version", "sw"));
        let one = One { own: root, root, place: &place, key: None, about };
        let (availability, mode) = one.availability();
        announcement.about(AnnouncedDevice { device, name, model, firmware, availability, mode });
    }
    Some(announcement)
}

/// Only components that measure are bound; switches, buttons and updates are no values.
fn add(announcement: &mut Announcement, component: &str, one: &One<'_, '_>) {
    match component {
        "sensor" | "number" => announcement.add(one.metric(("state_topic", "stat_t"), ("value_template", "val_tpl"))),
        "binary_sensor" => {
            let metric = one.metric(("state_topic", "stat_t"), ("value_template", "val_tpl"));
            // A state is no number that a template could have made another one of.
            let metric = metric.filter(|metric| !matches!(metric.pick, Pick::Unread(_)));
            announcement.add(metric.map(|metric| AnnouncedMetric { kind: Kind::State, unit: None, ..metric }));
        }
        "climate" => {
            let topic = ("current_temperature_topic", "curr_temp_t");
            let metric = one.metric(topic, ("current_temperature_template", "curr_temp_tpl"));
            announcement.add(metric.map(|metric| AnnouncedMetric { metric: "current_temperature".into(), ..metric }));
        }
        _ => {}
    }
}

/// One component of a configuration.
struct One<'c, 'j> {
    own: &'c Object<'j>,
    root: &'c Object<'j>,
    place: &'c Place<'c>,
    /// Its name in a configuration of several.
    key: Option<&'c str>,
    about: Option<&'c Object<'j>>,
}

impl One<'_, '_> {
    fn json(&self, long: &str, short: &str) -> Option<&Json<'_>> {
        get(self.own, long, short).or_else(|| get(self.root, long, short))
    }

    fn text(&self, long: &str, short: &str) -> Option<&str> {
        self.json(long, short).and_then(Json::text)
    }

    fn own_text(&self, long: &str, short: &str) -> Option<&str> {
        get(self.own, long, short).and_then(Json::text)
    }

    fn metric(&self, topic: (&str, &str), template: (&str, &str)) -> Option<AnnouncedMetric> {
        let topic = self.topic(self.text(topic.0, topic.1)?)?;
        let plain = Some((Pick::Whole, Calculation::default()));
        let (pick, calculation) = self.text(template.0, template.1).map_or(plain, template::read)?;
        let (name, named) = self.metric_name(&pick);
        let whole = |long, short| match self.json(long, short)? {
            Json::Number(text) => text.parse::<u32>().ok(),
            Json::Text(text) => text.parse().ok(),
            Json::Null | Json::Bool(_) | Json::Nan | Json::Infinite | Json::List(_) | Json::Object(_) => None,
        };
        let precision = whole("suggested_display_precision", "sug_dsp_prc");
        Some(AnnouncedMetric {
            device: self.device(&topic, &pick),
            topic,
            pick,
            calculation,
            name: self.own_text("name", "name").map(shown),
            unit: self.own_text("unit_of_measurement", "unit_of_meas").and_then(unit::normalise),
            kind: match self.own_text("state_class", "stat_cla") {
                Some("measurement_angle") => Kind::Angle,
                Some("total") => Kind::Total,
                Some("total_increasing") => Kind::TotalIncreasing,
                Some("measurement") => Kind::Measurement,
                _ => named.kind,
            },
            metric: name,
            precision: precision.and_then(|digits| u8::try_from(digits).ok()),
            expire_after_s: whole("expire_after", "exp_aft").filter(|seconds| *seconds > 0),
            diagnostic: self.own_text("entity_category", "ent_cat") == Some("diagnostic"),
        })
    }

    /// Where it is told whether the device is there.
    fn availability(&self) -> (Vec<AnnouncedAvailability>, Mode) {
        let word = |of: &Object<'_>, long, short, usual: &str| {
            let word = get(of, long, short).and_then(Json::text).unwrap_or(usual);
            (word.len() <= WORD_BYTES_MAX).then(|| word.to_owned())
        };
        let one = |of: &Object<'_>, topic: &str, template: Option<&str>| {
            let pick = template.map_or(Some(Pick::Whole), |text| template::read(text).map(|(pick, _)| pick))?;
            Some(AnnouncedAvailability {
                topic: self.topic(topic)?,
                pick: Some(pick).filter(|pick| !matches!(pick, Pick::Unread(_)))?,
                here: word(of, "payload_available", "pl_avail", "online")?,
                gone: word(of, "payload_not_available", "pl_not_avail", "offline")?,
            })
        };
        let mode = match self.text("availability_mode", "avty_mode") {
            Some("all") => Mode::All,
            Some("any") => Mode::Any,
            Some(_) | None => Mode::Latest,
        };
        if let Some(topic) = self.text("availability_topic", "avty_t") {
            return (one(self.own, topic, self.text("availability_template", "avty_tpl")).into_iter().collect(), mode);
        }
        let list = self.json("availability", "avty").and_then(Json::list).unwrap_or_default();
        let several = list.iter().take(TOPICS_MAX).filter_map(|item| {
            let of = item.object()?;
            let template = get(of, "value_template", "val_tpl").and_then(Json::text);
            one(of, get(of, "topic", "t").and_then(Json::text)?, template)
        });
        let mut all: Vec<AnnouncedAvailability> = Vec::new();
        for told in several {
            if !all.contains(&told) {
                all.push(told);
            }
        }
        (all, mode)
    }

    /// With the base in place of `~`; nothing where it is no topic, or one that holds announcements itself.
    fn topic(&self, text: &str) -> Option<String> {
        let base = self.text("~", "~").unwrap_or_default();
        let text = match (text.strip_prefix('~'), text.strip_suffix('~')) {
            (Some(rest), _) => format!("{base}{rest}"),
            (None, Some(rest)) => format!("{rest}{base}"),
            (None, None) => text.to_owned(),
        };
        let plain = !text.ends_with("/config") && !text.contains('$');
        (plain && Topic::parse(&text).is_ok()).then_some(text)
    }

    /// The device's first identifier, else its address, else what a family or the topics tell.
    fn device(&self, topic: &str, pick: &Pick) -> String {
        let levels: Vec<&str> = topic.split('/').filter(|level| !level.is_empty()).collect();
        if let Some(id) = self.about.and_then(identifier) {
            return device_by_id(id, &place::device_of(&levels));
        }
        if let Some(usual) = usual_at(topic, pick).filter(|usual| usual.family) {
            return usual.device;
        }
        match (self.place.node, levels.as_slice()) {
            (Some(node), _) => node.to_owned(),
            (None, [prefix, component, rest @ ..])
                if *prefix == self.place.prefix && *component == self.place.component && !rest.is_empty() =>
            {
                place::device_of(rest)
            }
            (None, levels) if levels.len() > 1 => place::device_of(levels),
            (None, _) => self.place.object.to_owned(),
        }
    }

    /// An id is the name as it stands, any other word becomes the usual one; and what the word means.
    fn metric_name(&self, pick: &Pick) -> (String, Named) {
        let path = match pick {
            Pick::Path(path) => Some(last_of(path)).filter(|step| step.parse::<u32>().is_err()),
            Pick::Whole | Pick::Unread(_) => None,
        };
        let name = self.own_text("name", "name");
        let told = self.own_text("object_id", "obj_id").or(self.key);
        let word = match self.place.node {
            Some(_) => self.place.object,
            None => path.or(name).unwrap_or(self.place.object),
        };
        let named = metric_of(told.unwrap_or(word));
        (told.map_or_else(|| named.name.clone(), snake), named)
    }
}

/// The first identifier of a device, else the first address of its connections.
fn identifier<'c>(about: &'c Object<'_>) -> Option<&'c str> {
    let first = |json: &'c Json<'_>| json.text().or_else(|| json.list()?.first()?.text());
    let id = get(about, "identifiers", "ids").and_then(first);
    let address = || get(about, "connections", "cns")?.list()?.first()?.list()?.get(1)?.text();
    id.or_else(address).filter(|id| !id.is_empty())
}

fn get<'o, 'a>(members: &'o Object<'a>, long: &str, short: &str) -> Option<&'o Json<'a>> {
    member(members, short).or_else(|| member(members, long))
}

pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect()
}
