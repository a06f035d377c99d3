//! A broker whose ingest takes everything for stored at once: for measuring the broker alone.
//!
//! `sink [ADDRESS]` listens (default 127.0.0.1:1884) until the process is ended.

use std::sync::Arc;

use broker::{Broker, Limits};
use clock::SystemClock;
use source::{Inlet, Outcome};
use tokio::net::TcpListener;

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
    println!("{:#?}", broker.counters());
    drop(broker);
    ingest.await.map_err(std::io::Error::other)
}
