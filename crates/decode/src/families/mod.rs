//! The families of firmware, one module each, in the order in which they are asked.
//!
//! A family claims a message by its topic or by the shape of its payload, and then answers for it alone. The first one
//! that answers is the decision, and its name is told with it. The generic families stand last and take what is left.

mod availability;
mod json;
mod number;
mod ours;

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
    Family { id: DecoderId("availability"), read: availability::read },
    Family { id: DecoderId("json"), read: json::read },
    Family { id: DecoderId("number"), read: number::read },
];
