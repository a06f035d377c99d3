//! The broker's counters in Prometheus' text format.

use std::fmt::Write;
use std::sync::Arc;

use broker::{Broker, Counters};

/// Written below the API's own metrics.
pub fn of(broker: Arc<Broker>) -> api::MoreMetrics {
    Arc::new(move |out| {
        // Writing into a string does not fail.
        let _ = write(out, &broker.counters());
    })
}

fn write(out: &mut String, counters: &Counters) -> std::fmt::Result {
    let gauges = [
        ("connections", "MQTT sessions at this moment.", counters.connections),
        ("in_flight", "Publishes without an outcome yet.", counters.in_flight),
        ("in_flight_bytes", "Bytes of those.", counters.in_flight_bytes),
        ("subscriptions", "Subscriptions at this moment.", counters.subscriptions),
        ("retained", "Retained messages at this moment.", counters.retained),
        ("retained_bytes", "Bytes of those.", counters.retained_bytes),
    ];
    for (name, help, value) in gauges {
        writeln!(
            out,
            "# HELP sensorium_mqtt_{name} {help}\n# TYPE sensorium_mqtt_{name} gauge\nsensorium_mqtt_{name} {value}"
        )?;
    }
    let totals = [
        ("connections_total", "Connections accepted.", counters.connections_total),
        ("accept_errors_total", "Failures to accept one.", counters.accept_errors),
        ("acks_total", "PUBACKs handed to connections.", counters.acks),
        ("unknown_total", "Outcomes that were unknown and not acknowledged.", counters.unknown),
        ("fanned_out_total", "Copies queued for subscribers.", counters.fanned_out),
        ("dropped_total", "Copies dropped for slow subscribers.", counters.dropped),
        ("retained_refused_total", "Messages that could not be retained.", counters.retained_refused),
        ("wills_total", "Wills published.", counters.wills),
        ("bytes_in_total", "Bytes read.", counters.bytes_in),
        ("bytes_out_total", "Bytes written.", counters.bytes_out),
    ];
    for (name, help, value) in totals {
        writeln!(
            out,
            "# HELP sensorium_mqtt_{name} {help}\n# TYPE sensorium_mqtt_{name} counter\nsensorium_mqtt_{name} {value}"
        )?;
    }
    writeln!(
        out,
        "# HELP sensorium_mqtt_publishes_total Publishes taken in.\n# TYPE sensorium_mqtt_publishes_total counter"
    )?;
    writeln!(out, "sensorium_mqtt_publishes_total{{qos=\"0\"}} {}", counters.publishes_qos0)?;
    writeln!(out, "sensorium_mqtt_publishes_total{{qos=\"1\"}} {}", counters.publishes_qos1)?;
    writeln!(out, "# HELP sensorium_mqtt_ended_total Connections ended, by class and reason.")?;
    writeln!(out, "# TYPE sensorium_mqtt_ended_total counter")?;
    let classes = [
        ("ordinary", &counters.ended),
        ("refused", &counters.refused),
        ("protocol", &counters.protocol_errors),
        ("closed", &counters.closed),
    ];
    for (class, reasons) in classes {
        for (reason, count) in reasons {
            writeln!(out, "sensorium_mqtt_ended_total{{class=\"{class}\",reason=\"{reason}\"}} {count}")?;
        }
    }
    Ok(())
}
