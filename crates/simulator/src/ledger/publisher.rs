//! One client of the ledger: several devices behind one connection, many publishes in flight, and a note of each.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;

use crate::client::{ClientError, Connection, Message, PacketIds};

/// Publishes of one client that wait for their acknowledgement. With [`REMEMBERED`] it stays below the 128 within which a
/// repeat is recognised.
pub const IN_FLIGHT_MAX: usize = 100;
/// Acknowledged publishes that are sent again as if their PUBACK had been lost.
pub const REMEMBERED: usize = 10;
/// Devices behind one client.
pub const DEVICES: usize = 3;

const SECOND_MS: i64 = 1_000;
const LATE_BY_MS: i64 = 100 * 86_400_000;
/// Times are mixed up within so many neighbours.
const BLOCK: u64 = 8;

/// What one message says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Content {
    /// Two readings with the device's time, of which there is only one in this ledger.
    Dated {
        /// Which of the client's devices.
        device: usize,
        /// UTC milliseconds.
        time: i64,
        /// °C.
        temperature: f64,
        /// %.
        humidity: f64,
    },
    /// One reading without a time, whose value no other message of this client has.
    Undated {
        /// The value.
        tally: u64,
    },
}

/// A message and what is known of its fate.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// What it says.
    pub content: Content,
    /// Whether a PUBACK for it was read from the socket.
    pub acked: bool,
    /// Whether it was there when last looked for; none before the first look.
    pub seen: Option<bool>,
}

/// What all publishers count together while they run.
#[derive(Debug, Default)]
pub struct Progress {
    /// PUBACKs read.
    pub acked: AtomicU64,
    /// PUBACKs that came before an earlier publish had got its own, or that nothing waited for.
    pub disordered: AtomicU64,
}

/// One client and its notes, kept over all rounds.
#[derive(Debug)]
pub struct Publisher {
    client_id: String,
    run: String,
    epoch_ms: i64,
    rng: Rng,
    ids: PacketIds,
    mask: u64,
    sent: Vec<Sent>,
    in_flight: VecDeque<(NonZeroU16, usize)>,
    recent: VecDeque<(NonZeroU16, usize)>,
}

impl Publisher {
    /// Client `index` of the run called `run`. Its dated readings begin at `epoch_ms`, one a second.
    #[must_use]
    pub fn new(run: &str, index: usize, epoch_ms: i64, seed: u64) -> Self {
        Self {
            client_id: format!("{run}-client-{index}"),
            run: format!("{run}/client-{index}"),
            epoch_ms,
            rng: Rng::with_seed(seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            ids: PacketIds::default(),
            mask: 0,
            sent: Vec::new(),
            in_flight: VecDeque::new(),
            recent: VecDeque::new(),
        }
    }

    /// The topic, and so the key, of one of its devices that have a clock.
    #[must_use]
    pub fn dated_device(&self, device: usize) -> String {
        format!("{}/device-{device}", self.run)
    }

    /// The topic, and so the key, of its device without a clock.
    #[must_use]
    pub fn undated_device(&self) -> String {
        format!("{}/clockless", self.run)
    }

    /// Every message so far.
    pub fn sent(&self) -> &[Sent] {
        &self.sent
    }

    /// Every message so far, to note what was seen.
    pub fn sent_mut(&mut self) -> &mut [Sent] {
        &mut self.sent
    }

    /// Publishes new messages as fast as they are acknowledged, `messages_max` at most.
    ///
    /// # Errors
    /// The connection broke, which is what a kill looks like from here.
    pub async fn flood(
        &mut self,
        mqtt: SocketAddr,
        messages_max: usize,
        progress: &Progress,
    ) -> Result<(), ClientError> {
        let mut connection = Connection::open(mqtt, &self.client_id).await?;
        let mut left = messages_max;
        loop {
            while left > 0 && self.in_flight.len() < IN_FLIGHT_MAX {
                left -= 1;
                if self.publish_new(&mut connection, left == 0)? {
                    break;
                }
            }
            connection.flush().await?;
            if self.in_flight.is_empty() && left == 0 {
                return connection.close().await;
            }
            for id in connection.acks().await? {
                self.acknowledge(id, progress);
            }
        }
    }

    /// Sends again, in their order and marked as repeats, what was not acknowledged and a few that were.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn resend(&mut self, mqtt: SocketAddr, progress: &Progress) -> Result<(), ClientError> {
        let mut connection = Connection::open(mqtt, &self.client_id).await?;
        let again: VecDeque<_> = self.recent.drain(..).chain(self.in_flight.drain(..)).collect();
        self.in_flight = again;
        for (id, index) in &self.in_flight {
            let Some(sent) = self.sent.get(*index) else { continue };
            connection.push(self.message(sent.content, Some(*id)).again())?;
        }
        connection.flush().await?;
        while !self.in_flight.is_empty() {
            for id in connection.acks().await? {
                self.acknowledge(id, progress);
            }
        }
        connection.close().await
    }

    /// Gives up on what was not acknowledged: whether it is there stays unknown until somebody looks.
    pub fn abandon(&mut self) {
        self.in_flight.clear();
        self.recent.clear();
    }

    /// The last one waits for its PUBACK, behind which all earlier ones have met their fate, those of QoS 0 as well.
    fn publish_new(&mut self, connection: &mut Connection, last: bool) -> Result<bool, ClientError> {
        let content = self.compose();
        let index = self.sent.len();
        self.sent.push(Sent { content, acked: false, seen: None });
        if self.rng.u32(..50) == 0 && !last {
            return connection.push(self.message(content, None));
        }
        // A few dated messages go out twice as different publishes: two messages, one reading.
        let twice = matches!(content, Content::Dated { .. }) && self.rng.u32(..50) == 0;
        let mut full = false;
        for _ in 0..=usize::from(twice) {
            let id = self.ids.take();
            self.in_flight.push_back((id, index));
            full |= connection.push(self.message(content, Some(id)))?;
        }
        Ok(full)
    }

    fn acknowledge(&mut self, id: NonZeroU16, progress: &Progress) {
        progress.acked.fetch_add(1, Ordering::Relaxed);
        let at = self.in_flight.iter().position(|(waiting, _)| *waiting == id);
        if at != Some(0) {
            progress.disordered.fetch_add(1, Ordering::Relaxed);
        }
        let Some(done) = at.and_then(|at| self.in_flight.remove(at)) else { return };
        if let Some(sent) = self.sent.get_mut(done.1) {
            sent.acked = true;
        }
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(done);
    }

    fn compose(&mut self) -> Content {
        let number = self.sent.len() as u64;
        if self.rng.u32(..5) == 0 {
            return Content::Undated { tally: number };
        }
        if number.is_multiple_of(BLOCK) {
            self.mask = self.rng.u64(..BLOCK);
        }
        let slot = i64::try_from(number ^ self.mask).unwrap_or(i64::MAX);
        let late = if self.rng.u32(..20) == 0 { LATE_BY_MS } else { 0 };
        Content::Dated {
            device: self.rng.usize(..DEVICES),
            time: self.epoch_ms.saturating_add(slot.saturating_mul(SECOND_MS)) - late,
            temperature: self.value(15.0, 15_000),
            humidity: self.value(30.0, 40_000),
        }
    }

    /// Mostly three decimals, as sensors have; now and then all the digits of a double.
    fn value(&mut self, least: f64, thousandths: u32) -> f64 {
        if self.rng.u32(..10) == 0 {
            return least + self.rng.f64() * f64::from(thousandths) / 1000.0;
        }
        // Divided once, so that the decimal text is the shortest and the number the nearest to it.
        (least * 1000.0 + f64::from(self.rng.u32(..thousandths))) / 1000.0
    }

    fn message(&self, content: Content, packet_id: Option<NonZeroU16>) -> Message {
        let (topic, payload) = match content {
            Content::Dated { device, time, temperature, humidity } => (
                self.dated_device(device),
                format!(r#"{{"ts":{time},"temperature":{temperature},"humidity":{humidity}}}"#),
            ),
            Content::Undated { tally } => (self.undated_device(), format!(r#"{{"tally":{tally}}}"#)),
        };
        Message { packet_id, ..Message::qos0(topic, payload) }
    }
}
