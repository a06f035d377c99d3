//! What recognises a message sent again, beside its client and packet id.

use source::Inbound;
use twox_hash::XxHash3_64;

/// The hash of a message's topic and payload; stable across versions, since it is kept in the log.
pub(crate) fn message_hash(inbound: &Inbound) -> u64 {
    let topic = XxHash3_64::oneshot(inbound.topic.as_str().as_bytes());
    XxHash3_64::oneshot_with_seed(topic, &inbound.payload)
}
