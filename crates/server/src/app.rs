//! The application: built, run, and shut down in order.
//!
//! Shutdown: stop listening → drain ingest → flush the store → exit, each with a deadline.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::{About, AccessState, ApiState};
use axum::Router;
use broker::Broker;
use broker_client::{External, Sharing};
use clock::{Clock, SystemClock};
use ingest::{Ingest, IngestTasks, TimePolicy};
use source::{Inlet, Own};
use store::{Catalog, Readings};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use upkeep::Upkeep;

use crate::config::{Config, Listen};
use crate::demo::Demo;
use crate::greeting::{self, Reach};
use crate::opened::{self, Opened};
use crate::retention::Held;
use crate::{access, announce, medium, metrics, pages};

/// How long connections get to finish what they are doing.
const LISTENERS_DEADLINE: Duration = Duration::from_secs(3);
/// How long ingest gets to put everything taken in into the log.
const INGEST_DEADLINE: Duration = Duration::from_secs(5);

/// Everything, built and listening, not yet running.
pub struct App {
    config: Config,
    http: TcpListener,
    mqtt: TcpListener,
    store: Opened,
    broker: Arc<Broker>,
    external: Arc<External>,
    router: Router,
    ingest_tasks: IngestTasks,
    stop_ingest: watch::Sender<bool>,
    demo: Option<Arc<Demo>>,
    upkeep: Arc<Upkeep>,
    reach: Reach,
    access: Arc<AccessState>,
}

impl App {
    /// Opens the store, takes the ports, and connects the parts in the direction of a message.
    pub async fn build(config: Config) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        if config.cassandra.is_none() {
            medium::look_at(&config.data, config.network_disk)?;
        }
        let http = access::listen("--http", config.http).await?;
        let mqtt = access::listen("--mqtt", config.mqtt).await?;
        let reach = Reach::of(http.local_addr()?, mqtt.local_addr()?);
        let store = opened::open(&config, reach.http.first().map_or("", String::as_str), &clock).await?;
        let (readings, catalog) = (Arc::clone(&store.readings), Arc::clone(&store.catalog));

        let (stop_ingest, ingest_stop) = watch::channel(false);
        let (ingest, inlet, ingest_tasks) = Ingest::start(
            Arc::clone(&readings),
            Arc::clone(&catalog),
            Arc::clone(&clock),
            ingest::Limits::default(),
            TimePolicy::default(),
            ingest_stop,
        )
        .await
        .context("the catalogue cannot be read")?;
        let own = Arc::new(Own::listening(greeting::every(mqtt.local_addr()?)));
        let external = external_brokers(&config, &ingest, &inlet, &own, &clock, (&readings, &catalog)).await?;
        let (held, watch) = (Arc::new(Held(ingest.clone())), Arc::new(ingest.clone()));
        let upkeep = Upkeep::start(Arc::clone(&readings), catalog, Arc::clone(&clock), held).await;
        let upkeep = upkeep.context("the retention policy cannot be read")?.following(ingest.tidings(upkeep::KIND));
        let upkeep = Arc::new(upkeep);
        let broker = Broker::watched(broker::Limits::default(), inlet.clone(), Arc::clone(&clock), watch, own);
        let demo = config.demo.then(|| Arc::new(Demo::new(ingest.clone(), mqtt.local_addr(), Arc::clone(&clock))));
        let access = Arc::new(access::state(&config));
        let started_ms = clock.now().millis();
        let state = ApiState {
            ingest,
            store: readings,
            inlet,
            clock,
            access: Arc::clone(&access),
            about: Arc::new(About {
                http: reach.http.clone(),
                mqtt: reach.mqtt.clone(),
                started_ms,
                boot: format!("{started_ms:x}"),
                store_kind: store.kind,
            }),
            demo: demo.clone().map(|demo| demo as _),
            upkeep: Arc::clone(&upkeep),
            brokers: Arc::clone(&external) as _,
            sessions: Arc::clone(&broker) as _,
            creations: Arc::default(),
            imports: Arc::default(),
            queries: Arc::new(Semaphore::new(api::QUERIES_MAX)),
            more_metrics: metrics::of(Arc::clone(&broker)),
        };
        let router = api::router(state, ui_assets::router());
        Ok(Self {
            config,
            http,
            mqtt,
            store,
            broker,
            external,
            router,
            ingest_tasks,
            stop_ingest,
            demo,
            upkeep,
            reach,
            access,
        })
    }

    /// Serves until `stop`, then shuts down in order.
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let (http_at, mqtt_at) = (self.http.local_addr()?, self.mqtt.local_addr()?);
        let (stop_listening, listening) = watch::channel(false);
        let mut take = tokio::spawn(self.ingest_tasks.take);
        let mut settle = tokio::spawn(self.ingest_tasks.settle);
        let mut broker = tokio::spawn(Arc::clone(&self.broker).serve(self.mqtt, stopped(listening.clone())));
        let mut pages = tokio::spawn(pages::serve(self.http, self.router, stopped(listening.clone())));
        let upkeep = tokio::spawn(self.upkeep.run(listening.clone()));
        let demo = self.demo.map(|demo| tokio::spawn(demo.run(listening)));

        let moved = moved(&self.config, http_at, mqtt_at);
        print!("{}", greeting::lines(&self.reach, self.access.sentence(), &moved, self.config.open_lan));
        let running = self.config.data.join(announce::RUNNING_FILE);
        if let Err(error) = announce::write(&running, http_at, mqtt_at) {
            // It only helps `sensorium publish`; a full disk must not keep people from reading.
            tracing::warn!(%error, file = %running.display(), "cannot be written");
        }
        if let Some(file) = &self.config.announce {
            announce::write(file, http_at, mqtt_at).with_context(|| format!("{} cannot be written", file.display()))?;
        }
        let broken = tokio::select! {
            () = stop => None,
            // Without them nothing would be acknowledged and everything would look well.
            ended = &mut take => Some(("ingest", ended)),
            ended = &mut settle => Some(("the acknowledgements", ended)),
        };

        stop_listening.send_replace(true);
        finish("the demonstration", LISTENERS_DEADLINE, demo).await;
        finish("the MQTT listener", LISTENERS_DEADLINE, Some(&mut broker)).await;
        finish("the external brokers", LISTENERS_DEADLINE, Some(self.external.stop())).await;
        finish("the HTTP listener", LISTENERS_DEADLINE, Some(&mut pages)).await;
        finish("upkeep", LISTENERS_DEADLINE, Some(upkeep)).await;
        self.stop_ingest.send_replace(true);
        finish("ingest", INGEST_DEADLINE, Some(take).filter(|task| !task.is_finished())).await;
        finish("the acknowledgements", INGEST_DEADLINE, Some(settle).filter(|task| !task.is_finished())).await;
        let closed = self.store.readings.close().await.context("the store could not be closed");
        // Gone or never written: either way nobody is found there any more.
        let _ = std::fs::remove_file(running);
        if let Some((what, ended)) = broken {
            let why = ended.err().map_or_else(|| String::from("without a word"), |error| error.to_string());
            anyhow::bail!("{what} ended: {why}. What was acknowledged is stored; start the server again");
        }
        closed
    }
}

/// The external brokers. Servers that share a store read each of them once.
async fn external_brokers(
    config: &Config,
    ingest: &Ingest,
    inlet: &Inlet,
    own: &Arc<Own>,
    clock: &Arc<dyn Clock>,
    (readings, catalog): (&Arc<dyn Readings>, &Arc<dyn Catalog>),
) -> anyhow::Result<Arc<External>> {
    let key = config.data.join(store_embedded::SECRETS);
    let sharing = ingest.node().map(|node| Sharing {
        node,
        store: Arc::clone(readings),
        elsewhere: ingest.tidings(broker_client::KIND),
    });
    let (catalog, own, clock) = (Arc::clone(catalog), Arc::clone(own), Arc::clone(clock));
    let external = External::start(catalog, inlet.clone(), own, clock, &key, sharing).await;
    external.context("the external brokers cannot be read")
}

/// Says where a default port that was taken gave way to another one.
fn moved(config: &Config, http: SocketAddr, mqtt: SocketAddr) -> Vec<String> {
    let line = |what: &str, wanted: Listen, got: SocketAddr| match wanted {
        Listen::Default(address) if address.port() != got.port() => {
            Some(format!("Port {} is taken, so {what} at {}.", address.port(), got.port()))
        }
        Listen::Default(_) | Listen::Named(_) => None,
    };
    line("the page is", config.http, http).into_iter().chain(line("devices are heard", config.mqtt, mqtt)).collect()
}

async fn stopped(mut listening: watch::Receiver<bool>) {
    // A sender that is gone has stopped as well.
    let _ = listening.wait_for(|stop| *stop).await;
}

async fn finish<T>(what: &str, deadline: Duration, task: Option<impl Future<Output = T>>) {
    if let Some(task) = task
        && tokio::time::timeout(deadline, task).await.is_err()
    {
        tracing::warn!(what, "did not finish in time");
    }
}

/// SIGINT or SIGTERM, from the call on: one that comes before anybody waits is not missed.
pub fn stop_signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async {
        match (terminate, interrupt) {
            (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            },
            (Err(_), _) | (_, Err(_)) => {
                let _ = tokio::signal::ctrl_c().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    async fn app(data: &std::path::Path) -> App {
        let here = Listen::Named(SocketAddr::from(([127, 0, 0, 1], 0)));
        let config = Config {
            data: data.to_owned(),
            cassandra: None,
            http: here,
            mqtt: here,
            announce: None,
            open_lan: false,
            hosts: Vec::new(),
            demo: false,
            network_disk: true,
        };
        App::build(config).await.unwrap()
    }

    async fn why(app: App) -> String {
        let ended = tokio::time::timeout(Duration::from_secs(60), app.run(pending())).await;
        ended.expect("a server without its ingest does not go on").unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_server_whose_ingest_or_acknowledgements_ended_does_not_go_on() {
        let desk = tempfile::tempdir().unwrap();
        let mut broken = app(&desk.path().join("a")).await;
        // The task that takes is still there, so that the acknowledgements do not end as well.
        let _take = std::mem::replace(&mut broken.ingest_tasks.take, Box::pin(async { panic!("a fault") }));
        let why_take = why(broken).await;
        assert!(why_take.starts_with("ingest ended") && why_take.contains("a fault"), "{why_take}");
        let mut broken = app(&desk.path().join("b")).await;
        let _settle = std::mem::replace(&mut broken.ingest_tasks.settle, Box::pin(async {}));
        assert!(why(broken).await.starts_with("the acknowledgements ended: without a word"));
    }
}
