//! A small fleet with the habits of real devices: some send JSON, some a bare number per topic; sensors fail now and then,
//! publishes are repeated with DUP, and a device that was away sends what it missed at once. Seeded and bounded.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use fastrand::Rng;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::client::{ClientError, Connection, Message, PacketIds};

/// Most devices of a fleet; each has a connection of its own.
pub const DEVICES_MAX: usize = 10_000;
/// Readings that a device keeps while it is away; the oldest are dropped beyond it.
pub const MISSED_MAX: usize = 100;

/// What a fleet is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Devices, [`DEVICES_MAX`] at most; every third sends bare numbers.
    pub devices: usize,
    /// Time between two readings of one device.
    pub every: Duration,
    /// Readings of each device; then it disconnects.
    pub readings: u64,
    /// What to reproduce.
    pub seed: u64,
}

/// What a fleet did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Publishes, repeats included.
    pub published: u64,
    /// PUBACKs.
    pub acked: u64,
    /// Publishes that were sent again with DUP.
    pub repeated: u64,
    /// Failed reads among the values.
    pub failed_reads: u64,
    /// Connections that ended before their device was done.
    pub broken: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.published += other.published;
        self.acked += other.acked;
        self.repeated += other.repeated;
        self.failed_reads += other.failed_reads;
        self.broken += other.broken;
    }
}

/// Lets all devices publish until each has sent its readings or `stop` turns true.
pub async fn run(mqtt: SocketAddr, plan: &Plan, clock: Arc<dyn Clock>, stop: watch::Receiver<bool>) -> Tally {
    let mut devices = JoinSet::new();
    for index in 0..plan.devices.min(DEVICES_MAX) {
        let (plan, clock, mut stop) = (plan.clone(), Arc::clone(&clock), stop.clone());
        devices.spawn(async move {
            let mut device = Device::new(index, &plan);
            let ended = tokio::select! {
                ended = device.live(mqtt, &plan, clock.as_ref()) => ended,
                _ = stop.wait_for(|stop| *stop) => Ok(()),
            };
            device.tally.broken += u64::from(ended.is_err());
            device.tally
        });
    }
    let mut sum = Tally::default();
    while let Some(tally) = devices.join_next().await {
        sum.add(tally.unwrap_or(Tally { broken: 1, ..Tally::default() }));
    }
    sum
}

struct Device {
    name: String,
    json: bool,
    rng: Rng,
    ids: PacketIds,
    temperature: f64,
    humidity: f64,
    missed: Vec<String>,
    tally: Tally,
}

impl Device {
    fn new(index: usize, plan: &Plan) -> Self {
        let mut rng = Rng::with_seed(plan.seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let temperature = 18.0 + rng.f64() * 8.0;
        Self {
            name: format!("fleet/room-{index:04}"),
            json: !index.is_multiple_of(3),
            temperature,
            humidity: 40.0 + rng.f64() * 20.0,
            rng,
            ids: PacketIds::default(),
            missed: Vec::new(),
            tally: Tally::default(),
        }
    }

    async fn live(&mut self, mqtt: SocketAddr, plan: &Plan, clock: &dyn Clock) -> Result<(), ClientError> {
        // Devices are not switched on in the same moment.
        let offset = self.rng.f64();
        tokio::time::sleep(plan.every.mul_f64(offset)).await;
        let mut connection = Connection::open(mqtt, &self.name.replace('/', "-")).await?;
        let mut tick = tokio::time::interval(plan.every.max(Duration::from_millis(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut away = 0_u32;
        for _ in 0..plan.readings {
            tick.tick().await;
            self.drift();
            if self.json && away == 0 && self.rng.u32(..200) == 0 {
                away = self.rng.u32(2..20);
            }
            if self.json {
                self.note(clock.now().millis());
            }
            away = away.saturating_sub(1);
            if away == 0 {
                self.publish(&mut connection).await?;
            }
        }
        self.publish(&mut connection).await?;
        connection.close().await
    }

    fn drift(&mut self) {
        self.temperature = (self.temperature + self.rng.f64() * 0.2 - 0.1).clamp(5.0, 40.0);
        self.humidity = (self.humidity + self.rng.f64() - 0.5).clamp(10.0, 95.0);
    }

    /// A failed read is what the libraries print for one: `nan`.
    fn text(&mut self, value: f64) -> String {
        if self.rng.u32(..100) == 0 {
            self.tally.failed_reads += 1;
            return String::from("nan");
        }
        format!("{value:.2}")
    }

    fn note(&mut self, now_ms: i64) {
        if self.missed.len() == MISSED_MAX {
            self.missed.remove(0);
        }
        let (temperature, humidity) = (self.text(self.temperature), self.text(self.humidity));
        self.missed.push(format!(r#"{{"ts":{now_ms},"temperature":{temperature},"humidity":{humidity}}}"#));
    }

    async fn publish(&mut self, connection: &mut Connection) -> Result<(), ClientError> {
        let messages: Vec<(String, String)> = if self.json {
            self.missed.drain(..).map(|payload| (self.name.clone(), payload)).collect()
        } else {
            let (temperature, humidity) = (self.text(self.temperature), self.text(self.humidity));
            vec![(format!("{}/temperature", self.name), temperature), (format!("{}/humidity", self.name), humidity)]
        };
        for (topic, payload) in messages {
            let message = Message::qos1(self.ids.take(), topic, payload);
            self.deliver(connection, message).await?;
        }
        Ok(())
    }

    async fn deliver(&mut self, connection: &mut Connection, message: Message) -> Result<(), ClientError> {
        let Some(id) = message.packet_id else { return Ok(()) };
        let repeat = (self.rng.u32(..100) == 0).then(|| message.clone().again());
        self.send(connection, message, id).await?;
        if let Some(repeat) = repeat {
            self.tally.repeated += 1;
            self.send(connection, repeat, id).await?;
        }
        Ok(())
    }

    async fn send(&mut self, connection: &mut Connection, message: Message, id: NonZeroU16) -> Result<(), ClientError> {
        connection.push(message)?;
        connection.flush().await?;
        self.tally.published += 1;
        while !connection.acks().await?.contains(&id) {}
        self.tally.acked += 1;
        Ok(())
    }
}
