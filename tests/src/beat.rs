//! A device that publishes one message after the other while something happens to the server, and notes how long each
//! acknowledgement took.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;

use clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::device::Device;
use crate::operator::Operator;
use crate::story::expect;

/// Between an acknowledgement and the next message.
const PAUSE: Duration = Duration::from_millis(20);

/// It runs. Must be [finished](Beat::finish).
#[derive(Debug)]
pub struct Beat {
    topic: String,
    acknowledged: Arc<AtomicU64>,
    enough: Arc<AtomicBool>,
    thread: Option<JoinHandle<Duration>>,
}

/// What it did.
#[derive(Clone, Copy, Debug)]
pub struct Beats {
    /// Messages, all of them acknowledged.
    pub acknowledged: u64,
    /// The longest wait for an acknowledgement.
    pub longest: Duration,
}

impl Beat {
    /// Publishes 0, 1, 2 … as `level` of the device `name`, which no other beat may have.
    #[must_use]
    pub fn start(mqtt: SocketAddr, name: &str) -> Self {
        let topic = format!("{name}/level");
        let (acknowledged, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut device = Device::connect(mqtt, name);
        let (to, counted, stop) = (topic.clone(), Arc::clone(&acknowledged), Arc::clone(&enough));
        let thread = std::thread::spawn(move || {
            let clock = SystemClock::new();
            let mut longest = Duration::ZERO;
            while !stop.load(SeqCst) {
                let sent = clock.monotonic();
                device.publish(&to, counted.load(SeqCst).to_string());
                longest = longest.max(clock.monotonic().saturating_sub(sent));
                counted.fetch_add(1, SeqCst);
                std::thread::sleep(PAUSE);
            }
            longest
        });
        Self { topic, acknowledged, enough, thread: Some(thread) }
    }

    /// Waits until so many more messages than now are acknowledged.
    pub fn expect_more(&self, count: u64) {
        let wanted = self.acknowledged.load(SeqCst) + count;
        expect(&format!("{wanted} acknowledgements for {}", self.topic), || {
            assert!(self.thread.as_ref().is_some_and(|thread| !thread.is_finished()), "the device lost its connection");
            let now = self.acknowledged.load(SeqCst);
            if now >= wanted { Ok(()) } else { Err(now) }
        });
    }

    /// Ends it after the message that is under way, and checks that exactly what was acknowledged is there.
    #[must_use]
    pub fn finish(mut self, operator: &Operator) -> Beats {
        self.enough.store(true, SeqCst);
        let thread = self.thread.take().expect("it is taken here only");
        let longest = thread.join().unwrap_or_else(|_| panic!("{} was not acknowledged to its end", self.topic));
        let acknowledged = self.acknowledged.load(SeqCst);
        let expected: Vec<Value> = (0..acknowledged).map(|n| json!(n as f64)).collect();
        let device = self.topic.trim_end_matches("/level");
        operator.expect_values(device, "level", &expected);
        Beats { acknowledged, longest }
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.enough.store(true, SeqCst);
    }
}
