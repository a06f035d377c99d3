//! The books and sizes in Prometheus' text format.

use std::fmt::Write;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use store::GoneCounts;

use crate::state::ApiState;

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn messages(out: &mut String, source: &str, book: &model::MessageCounts) -> std::fmt::Result {
    let source = label(source);
    let mut line = |outcome: &str, reason: &str, count: u64| {
        let reason = label(reason);
        writeln!(
            out,
            "sensorium_messages_total{{source=\"{source}\",outcome=\"{outcome}\",reason=\"{reason}\"}} {count}"
        )
    };
    line("stored", "", book.stored)?;
    line("duplicate", "", book.duplicate)?;
    for (kind, count) in &book.no_reading {
        line("no_reading", kind, *count)?;
    }
    for (reason, count) in &book.rejected {
        line("rejected", reason.as_str(), *count)?;
    }
    Ok(())
}

fn readings(out: &mut String, source: &str, book: &model::ReadingCounts) -> std::fmt::Result {
    let source = label(source);
    let mut line = |outcome: &str, reason: &str, count: u64| {
        writeln!(
            out,
            "sensorium_readings_total{{source=\"{source}\",outcome=\"{outcome}\",reason=\"{reason}\"}} {count}"
        )
    };
    line("stored", "", book.stored)?;
    line("duplicate", "", book.duplicate)?;
    line("replaced", "", book.replaced)?;
    line("unsettled", "", book.unsettled)?;
    line("upserted", "", book.upserted)?;
    for (reason, count) in &book.rejected {
        line("rejected", reason.as_str(), *count)?;
    }
    Ok(())
}

/// What is there and what is not any more, where the store counts it.
fn held(out: &mut String, readings: u64, gone: GoneCounts) -> std::fmt::Result {
    writeln!(out, "# HELP sensorium_store_readings Distinct readings that can be read.")?;
    writeln!(out, "# TYPE sensorium_store_readings gauge\nsensorium_store_readings {readings}")?;
    writeln!(out, "# HELP sensorium_readings_gone_total Readings that were stored and are no longer there, by cause.")?;
    writeln!(out, "# TYPE sensorium_readings_gone_total counter")?;
    let causes =
        [("deleted", gone.deleted), ("expired", gone.expired), ("absorbed", gone.absorbed), ("lost", gone.lost)];
    for (cause, count) in causes {
        writeln!(out, "sensorium_readings_gone_total{{cause=\"{cause}\"}} {count}")?;
    }
    Ok(())
}

fn write_all(state: &ApiState, out: &mut String) -> std::fmt::Result {
    let books = state.ingest.books();
    let stats = state.store.stats();
    let (devices, series) = state.ingest.counts();
    writeln!(out, "# HELP sensorium_messages_received_total Messages taken in, by source.")?;
    writeln!(out, "# TYPE sensorium_messages_received_total counter")?;
    for (source, (book, _)) in &books.sources {
        let source = label(source.as_str());
        writeln!(out, "sensorium_messages_received_total{{source=\"{source}\"}} {}", book.messages.received)?;
    }
    writeln!(out, "# HELP sensorium_messages_total Messages settled, by source and outcome.")?;
    writeln!(out, "# TYPE sensorium_messages_total counter")?;
    for (source, (book, _)) in &books.sources {
        messages(out, source.as_str(), &book.messages)?;
    }
    writeln!(out, "# HELP sensorium_readings_total Readings, by source and outcome.")?;
    writeln!(out, "# TYPE sensorium_readings_total counter")?;
    for (source, (book, _)) in &books.sources {
        readings(out, source.as_str(), &book.readings)?;
    }
    let gauges: [(&str, &str, u64); 8] = [
        ("sensorium_messages_in_flight", "Messages taken in and not yet durable.", books.in_flight),
        ("sensorium_books_balanced", "1 when received equals what became of it.", u64::from(books.balanced)),
        ("sensorium_devices", "Devices known.", devices as u64),
        ("sensorium_series", "Series known.", series as u64),
        ("sensorium_store_disk_bytes", "Bytes on disk.", stats.disk_bytes),
        ("sensorium_store_log_bytes", "Bytes of log behind the cut.", stats.log_bytes),
        ("sensorium_store_frames", "Frames in the database.", stats.frames),
        ("sensorium_store_degraded", "1 when the store is not at its best.", u64::from(!stats.degraded.is_empty())),
    ];
    for (name, help, value) in gauges {
        writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}")?;
    }
    if let Some((readings, gone)) = books.held {
        held(out, readings, gone)?;
    }
    writeln!(out, "# HELP sensorium_store_commits_total Group commits since start.")?;
    writeln!(out, "# TYPE sensorium_store_commits_total counter\nsensorium_store_commits_total {}", stats.commits)?;
    writeln!(out, "# HELP sensorium_store_sync_seconds_total Time in fdatasync since start.")?;
    writeln!(out, "# TYPE sensorium_store_sync_seconds_total counter")?;
    writeln!(
        out,
        "sensorium_store_sync_seconds_total {}",
        std::time::Duration::from_micros(stats.sync_micros).as_secs_f64()
    )
}

/// The books and sizes, for Prometheus.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn metrics(State(state): State<ApiState>) -> impl IntoResponse {
    let mut out = String::with_capacity(4096);
    // Writing into a string does not fail.
    let _ = write_all(&state, &mut out);
    (state.more_metrics)(&mut out);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out)
}
