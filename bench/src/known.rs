//! Ingest alone, on a store in memory: what one more message of a known topic costs where little is known and where much is,
//! and what the look at all devices costs. Without socket and disk.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clock::{Clock, ManualClock};
use ingest::{Ingest, Limits, RuleChange, TimePolicy};
use model::{SourceName, Timestamp, Topic};
use source::{Inbound, Inlet, Outcome, Repeat, Reply, Settle};
use store::MemoryStore;
use tokio::sync::{mpsc, watch};

use crate::sets::{START_MS, STEP_MS, device};

/// Messages handed over before their outcomes are waited for.
const TOGETHER: usize = 100;
/// How often ingest looks at all devices.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What is silent so long is no longer online.
const SILENCE_MS: u32 = 10 * 60 * 1000;

/// What ingest knows beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub devices: usize,
    /// Rules that are for other topics.
    pub rules: usize,
    /// Metrics announced for other topics.
    pub announced: usize,
}

/// A device, and nothing else.
pub const LITTLE: Known = Known { devices: 1, rules: 0, announced: 0 };
pub const MUCH: Known = Known { devices: 10_000, rules: 100, announced: 2_000 };

/// Sends that many messages of two values and a time after what makes it known.
pub fn messages(known: Known, count: usize) -> Result<()> {
    with(known, async |desk| desk.publish(known.devices, 1, count).await)
}

/// Lets ingest look at all devices that often; `silent` ones are looked at more closely.
pub fn looks(known: Known, count: usize, silent: bool) -> Result<()> {
    with(known, async |desk| {
        if silent {
            desk.clock.advance(SILENCE_MS);
        }
        // Half a turn more, so that every look is over or not begun.
        tokio::time::sleep(LOOK_EVERY * u32::try_from(count)? + LOOK_EVERY / 2).await;
        Ok(())
    })
}

struct Outcomes(mpsc::Sender<Outcome>);

impl Settle for Outcomes {
    fn settle(&self, _: u64, outcome: Outcome) {
        // There is room for all that are handed over together, and nobody waits any more once the bench is over.
        let _ = self.0.try_send(outcome);
    }
}

struct Desk {
    inlet: Inlet,
    ingest: Ingest,
    clock: Arc<ManualClock>,
    source: SourceName,
    client: Arc<str>,
    sink: Arc<dyn Settle>,
    outcomes: mpsc::Receiver<Outcome>,
}

fn with(known: Known, work: impl AsyncFnOnce(&mut Desk) -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Arc::new(MemoryStore::default());
        let clock = Arc::new(ManualClock::at(Timestamp::saturating(START_MS + 400 * 86_400_000)));
        let (_stop, stopped) = watch::channel(false);
        let (limits, policy) = (Limits::default(), TimePolicy::default());
        let started = Ingest::start(
            Arc::clone(&store) as _,
            store,
            Arc::clone(&clock) as Arc<dyn Clock>,
            limits,
            policy,
            stopped,
        );
        let (ingest, inlet, tasks) = started.await?;
        let (sender, outcomes) = mpsc::channel(TOGETHER);
        let (source, client, sink) = (SourceName::parse("mqtt")?, "bench".into(), Arc::new(Outcomes(sender)));
        let mut desk = Desk { inlet, ingest, clock, source, client, sink, outcomes };
        let driven = async {
            desk.learn(known).await?;
            work(&mut desk).await
        };
        tokio::select! {
            done = driven => done,
            ((), ()) = async { tokio::join!(tasks.take, tasks.settle) } => anyhow::bail!("ingest has ended"),
        }
    })
}

impl Desk {
    async fn learn(&mut self, known: Known) -> Result<()> {
        for number in 0..known.rules {
            let topics = format!("site/+/room-{number}/{{device}}/data");
            let spec = decode::rules::RuleSpec { topics, ..Default::default() };
            self.ingest.create_rule(RuleChange { spec, enabled: None }, None).await?;
        }
        for number in 0..known.announced {
            let topic = format!("homeassistant/sensor/node-{}/value-{number}/config", number / 10);
            let payload = format!(
                r#"{{"name":"Value {number}","state_topic":"node-{}/state","value_template":"{{{{ value_json.v{number} }}}}","unique_id":"u{number}","device":{{"identifiers":["node-{}"]}}}}"#,
                number / 10,
                number / 10
            );
            self.send(Topic::parse(&topic)?, payload.into(), number).await?;
            let outcome = self.outcomes.recv().await.context("ingest has ended")?;
            ensure!(outcome == Outcome::NoReading { kind: "discovery" }, "{topic} came to {outcome:?}");
        }
        self.publish(known.devices, 0, known.devices).await
    }

    /// One device after the other, `round` times each before.
    async fn publish(&mut self, devices: usize, round: usize, count: usize) -> Result<()> {
        let topics = (0..devices).map(|index| Topic::parse(&device(index)));
        let topics = topics.collect::<Result<Vec<_>, _>>()?;
        for start in (0..count).step_by(TOGETHER) {
            let together = start..count.min(start + TOGETHER);
            for number in together.clone() {
                let (index, number) = (number % devices, number / devices + round);
                let payload = payload(number);
                self.send(topics[index].clone(), payload, number).await?;
            }
            for _ in together {
                let outcome = self.outcomes.recv().await.context("ingest has ended")?;
                ensure!(outcome == Outcome::Stored { readings: 2 }, "a message came to {outcome:?}");
            }
        }
        Ok(())
    }

    async fn send(&self, topic: Topic, payload: Bytes, number: usize) -> Result<()> {
        let inbound = Inbound {
            source: self.source.clone(),
            client: Arc::clone(&self.client),
            topic,
            payload,
            read: None,
            replayed: false,
            repeat: Some(Repeat { id: number as u16, marked: false, part: 0 }),
            reply: Reply::new(Arc::clone(&self.sink), 0),
        };
        Ok(self.inlet.deliver(inbound).await?)
    }
}

/// Of 55 bytes, written without the costs of formatting. The values wander by half a degree and percent.
fn payload(number: usize) -> Bytes {
    let mut text = *br#"{"ts":0000000000000,"temperature":20.0,"humidity":45.0}"#;
    let mut time = START_MS.unsigned_abs() + STEP_MS.unsigned_abs() * number as u64;
    for digit in text[6..19].iter_mut().rev() {
        *digit = b'0' + (time % 10) as u8;
        time /= 10;
    }
    text[37] = b'0' + (number % 5) as u8;
    text[53] = b'0' + (number % 7) as u8;
    Bytes::copy_from_slice(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_json_with_its_time() {
        let payload: serde_json::Value = serde_json::from_slice(&payload(12)).unwrap();
        assert_eq!(payload, serde_json::json!({"ts": START_MS + 12 * STEP_MS, "temperature": 20.2, "humidity": 45.5}));
    }
}
