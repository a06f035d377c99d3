//! What lies at the start of a packet, seen before it is decoded: a message that is longer than we take is skipped without ever
//! being held.

use std::num::NonZeroU16;

use crate::connection::PACKET_BYTES_MAX;

/// Bytes that say a packet's length.
const LENGTH_BYTES_MAX: usize = 4;

/// The packet at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// More has to be read to tell.
    Incomplete,
    /// For the decoder to take, or to refuse.
    Ordinary,
    /// A publish longer than we take: its id, if it wants an acknowledgement, and its length with everything.
    TooLong { id: Option<NonZeroU16>, bytes: usize },
}

/// Looks at the next packet.
pub fn next(bytes: &[u8]) -> Next {
    let Some((&first, rest)) = bytes.split_first() else { return Next::Incomplete };
    let (mut length, mut digits) = (0_usize, 0);
    loop {
        let Some(&digit) = rest.get(digits) else { return Next::Incomplete };
        length |= usize::from(digit & 0x7f) << (7 * digits);
        digits += 1;
        if digit & 0x80 == 0 {
            break;
        }
        if digits == LENGTH_BYTES_MAX {
            return Next::Ordinary;
        }
    }
    let is_publish = first >> 4 == 3;
    if !is_publish || length <= PACKET_BYTES_MAX as usize {
        return Next::Ordinary;
    }
    let whole = 1 + digits + length;
    if first & 0b110 == 0 {
        return Next::TooLong { id: None, bytes: whole };
    }
    let number = |at: usize| {
        let pair = rest.get(at..at + 2)?;
        Some(u16::from_be_bytes(pair.try_into().ok()?))
    };
    let topic = number(digits);
    match topic.and_then(|topic| number(digits + 2 + usize::from(topic))) {
        Some(id) => Next::TooLong { id: NonZeroU16::new(id), bytes: whole },
        None => Next::Incomplete,
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proptest::prelude::*;
    use rmqtt_codec::types::{Publish, QoS};
    use rmqtt_codec::v3::{Codec, Packet};
    use tokio_util::codec::Encoder;

    use super::*;

    const MAX: usize = PACKET_BYTES_MAX as usize;

    fn publish(topic: String, id: Option<NonZeroU16>, payload: usize) -> BytesMut {
        let qos = if id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        let (topic, payload) = (topic.into(), vec![b'x'; payload].into());
        let publish = Publish { dup: false, retain: false, qos, topic, packet_id: id, payload, properties: None };
        let mut bytes = BytesMut::new();
        Codec::new(0).encode(Packet::Publish(Box::new(publish)), &mut bytes).unwrap();
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_long_publish_is_known_by_its_start_and_its_length_is_right(
            topic in "[a-z/]{1,300}", id in prop::option::of(1_u16..), payload in MAX - 400..MAX + 400, seen in 0_usize..400,
        ) {
            let id = id.and_then(NonZeroU16::new);
            let packet = publish(topic.clone(), id, payload);
            let body = 2 + topic.len() + id.map_or(0, |_| 2) + payload;
            let expected = if body > MAX { Next::TooLong { id, bytes: packet.len() } } else { Next::Ordinary };
            prop_assert_eq!(next(&packet), expected);
            let early = next(&packet[..seen]);
            prop_assert!(early == expected || early == Next::Incomplete);
        }

        #[test]
        fn any_bytes_are_looked_at_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let _ = next(&bytes);
        }
    }
}
