//! A broker whose ingest takes everything for stored at once: for measuring the broker alone.
//!
//! `sink [ADDRESS]` listens (default 127.0.0.1:1884) until it is interrupted, then says what a publish cost (Linux).

use std::sync::Arc;

use broker::{Broker, Limits};
use clock::SystemClock;
use source::{Inlet, Outcome};
use tokio::net::TcpListener;

/// CPU time of this process so far, user and system, in steps of 10 ms.
fn cpu_micros() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold spaces; user time is the 12th field after it, system time the 13th.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks * 10_000)
}

#[tokio::main(worker_threads = 2)]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:1884".to_owned());
    let (inlet, mut inbound) = Inlet::bounded(1024);
    let ingest = tokio::spawn(async move {
        let mut batch = Vec::new();
        while inbound.recv_many(&mut batch, 256).await > 0 {
            for message in batch.drain(..) {
                message.reply.settle(Outcome::Stored { readings: 1 });
            }
        }
    });
    let broker = Broker::new(Limits::default(), inlet, Arc::new(SystemClock::new()));
    let listener = TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    Arc::clone(&broker).serve(listener, async { drop(tokio::signal::ctrl_c().await) }).await;
    let counters = broker.counters();
    let publishes = counters.publishes_qos0 + counters.publishes_qos1;
    let figures = [counters.connections_total, publishes, counters.acks, counters.fanned_out, counters.dropped];
    println!("connections, publishes, acknowledgements, copies, dropped: {figures:?}");
    if let Some(micros) = cpu_micros().filter(|_| publishes > 0) {
        println!("{:.2} µs of CPU per publish", micros as f64 / publishes as f64);
    }
    drop(broker);
    ingest.await.map_err(std::io::Error::other)
}
