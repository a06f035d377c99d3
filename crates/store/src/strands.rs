//! Which readings go into one frame: series of a device that arrive together share its list of keys.

use std::iter::Peekable;

use frame::{Cell, Column, EncodeError, Encoded, FRAME_BYTES_MAX, FRAME_CELLS_MAX, FRAME_ROWS_MAX, Frame};
use model::{Reading, ReadingKey, SeriesId};

/// Most series that are put into one frame.
const SERIES_MAX: usize = 64;
/// A series is compared with this many of its device's groups; then it starts a group of its own.
const GROUPS_TRIED_MAX: usize = 8;

/// What a frame may become. Beyond the limits of [`frame`] nothing is allowed by it.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Most keys; more make several frames of about one length.
    pub rows: usize,
    /// Most bytes; a frame that would have more becomes two, unless it has one key only.
    pub bytes: usize,
}

impl Room {
    /// At most so many keys, and as many bytes as any frame may have.
    #[must_use]
    pub fn of_rows(rows: usize) -> Self {
        Self { rows, bytes: FRAME_BYTES_MAX }
    }
}

/// The readings of one series, in order of key. They are unpacked one by one, while their frame is made.
#[expect(missing_debug_implementations, reason = "an iterator over what is packed shows nothing")]
pub struct Strand<'a> {
    /// Whose readings.
    pub series: SeriesId,
    /// The key of each of them.
    pub keys: Vec<ReadingKey>,
    /// As many as there are keys.
    pub readings: Box<dyn Iterator<Item = Reading> + 'a>,
}

impl Strand<'static> {
    /// Of readings in order of key.
    #[must_use]
    pub fn of(series: SeriesId, readings: Vec<Reading>) -> Self {
        let keys = readings.iter().map(|reading| reading.key).collect();
        Self { series, keys, readings: Box::new(readings.into_iter()) }
    }
}

/// Series of one device that share at least three quarters of their keys.
struct Group<'a> {
    keys: Vec<ReadingKey>,
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    series: SeriesId,
    readings: Peekable<Box<dyn Iterator<Item = Reading> + 'a>>,
}

/// Puts the readings of one device into frames that fit into `room` and hands each to `keep`. Each series has at most
/// one strand; one without readings makes nothing.
///
/// # Errors
/// What `keep` answers, and a frame that cannot be encoded ([`EncodeError`]); what was kept before it stays with the caller.
pub fn encode_device<E: From<EncodeError>>(
    strands: Vec<Strand<'_>>,
    room: Room,
    keep: &mut dyn FnMut(Encoded) -> Result<(), E>,
) -> Result<(), E> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for strand in strands.into_iter().filter(|strand| !strand.keys.is_empty()) {
        let mut newest = groups.iter_mut().rev().take(GROUPS_TRIED_MAX);
        match newest.find(|group| group.takes(&strand)) {
            Some(group) => group.add(strand),
            None => groups.push(Group::of(strand)),
        }
    }
    groups.into_iter().try_for_each(|group| group.encode(room, keep))
}

impl<'a> Group<'a> {
    fn of(strand: Strand<'a>) -> Self {
        let Strand { series, keys, readings } = strand;
        Self { keys, members: vec![Member { series, readings: readings.peekable() }] }
    }

    fn takes(&self, strand: &Strand<'_>) -> bool {
        let longest = self.keys.len().max(strand.keys.len());
        let shortest = self.keys.len().min(strand.keys.len());
        if self.members.len() >= SERIES_MAX || shortest * 4 < longest * 3 {
            return false;
        }
        let mut keys = self.keys.iter().peekable();
        let shared = strand.keys.iter().filter(|wanted| {
            while keys.next_if(|key| key < wanted).is_some() {}
            keys.peek() == Some(wanted)
        });
        shared.count() * 4 >= longest * 3
    }

    fn add(&mut self, strand: Strand<'a>) {
        let Strand { series, keys, readings } = strand;
        if keys != self.keys {
            self.keys.extend(keys);
            self.keys.sort();
            self.keys.dedup();
        }
        self.members.push(Member { series, readings: readings.peekable() });
    }

    fn encode<E: From<EncodeError>>(
        mut self,
        room: Room,
        keep: &mut dyn FnMut(Encoded) -> Result<(), E>,
    ) -> Result<(), E> {
        // Parts of about one length, rather than a short one at the end.
        let rows_max = room.rows.min(FRAME_CELLS_MAX / self.members.len().max(1)).clamp(1, FRAME_ROWS_MAX);
        let parts = self.keys.len().div_ceil(rows_max).max(1);
        for keys in self.keys.chunks(self.keys.len().div_ceil(parts).max(1)) {
            let columns = self.members.iter_mut().map(|member| {
                let cells = keys.iter().map(|key| member.readings.next_if(|reading| reading.key == *key));
                Column { series: member.series, cells: cells.map(|reading| reading.map(Cell::from)).collect() }
            });
            let columns: Vec<Column> = columns.filter(|column| column.cells.iter().any(Option::is_some)).collect();
            encode_or_split(Frame { keys: keys.to_vec(), columns }, room.bytes, keep)?;
        }
        Ok(())
    }
}

/// Long texts may make a frame too large although its rows are few.
fn encode_or_split<E: From<EncodeError>>(
    frame: Frame,
    bytes_max: usize,
    keep: &mut dyn FnMut(Encoded) -> Result<(), E>,
) -> Result<(), E> {
    let encoded = match frame::encode(&frame) {
        Err(EncodeError::TooLarge(_)) if frame.keys.len() > 1 => None,
        encoded => Some(encoded?).filter(|encoded| encoded.blob.len() <= bytes_max || frame.keys.len() == 1),
    };
    match encoded {
        Some(encoded) => keep(encoded),
        None => {
            let (left, right) = split(frame);
            encode_or_split(left, bytes_max, keep)?;
            encode_or_split(right, bytes_max, keep)
        }
    }
}

fn split(mut frame: Frame) -> (Frame, Frame) {
    let middle = frame.keys.len() / 2;
    let mut right = Frame { keys: frame.keys.split_off(middle), columns: Vec::new() };
    for column in &mut frame.columns {
        let cells = column.cells.split_off(middle);
        if cells.iter().any(Option::is_some) {
            right.columns.push(Column { series: column.series, cells });
        }
    }
    frame.columns.retain(|column| column.cells.iter().any(Option::is_some));
    (frame, right)
}

#[cfg(test)]
mod tests {
    use model::{Judgement, TimeSource, Timestamp, Value};

    use super::*;

    fn strand(series: u32, times: impl Iterator<Item = i64>) -> Strand<'static> {
        let keys: Vec<_> = times.map(|time| ReadingKey { time: Timestamp::saturating(time), n: 0 }).collect();
        let reading = |key| Reading {
            key,
            value: Value::Number(1.0),
            judgement: Judgement::Good,
            time_source: TimeSource::Device,
            claimed_ms: None,
        };
        Strand { series: SeriesId(series), keys: keys.clone(), readings: Box::new(keys.into_iter().map(reading)) }
    }

    fn series_of_frames(strands: Vec<Strand<'_>>, rows_max: usize) -> Vec<(usize, Vec<u32>)> {
        let mut found = Vec::new();
        encode_device::<EncodeError>(strands, Room::of_rows(rows_max), &mut |encoded| {
            let opened = frame::open(&encoded.blob).unwrap();
            found.push((opened.rows(), opened.series().map(|series| series.0).collect()));
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn series_that_share_times_share_a_frame() {
        let strands = vec![strand(1, 0..100), strand(2, 5..100), strand(3, (0..100).map(|time| time * 7 + 3))];
        assert_eq!(series_of_frames(strands, 1_000), [(100, vec![1, 2]), (100, vec![3])]);
    }

    #[test]
    fn many_bytes_make_several_frames() {
        let (mut sizes, room) = (Vec::new(), Room { rows: 1_000, bytes: 300 });
        let times = (0..1_000_i64).map(|at| at * 1_000 + (at * at * 7_919) % 997);
        encode_device::<EncodeError>(vec![strand(1, times)], room, &mut |encoded| {
            sizes.push(encoded.blob.len());
            Ok(())
        })
        .unwrap();
        assert!(sizes.len() > 1 && sizes.iter().all(|size| *size <= 300), "{sizes:?}");
    }

    #[test]
    fn many_rows_make_several_frames() {
        assert_eq!(series_of_frames(vec![strand(1, 0..25)], 10), [(9, vec![1]), (9, vec![1]), (7, vec![1])]);
    }
}
