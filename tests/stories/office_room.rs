//! Real readings come back as they went in: every row, every column, every bit.

use serde_json::{Value, json};
use simulator::office_room::{CSV, Row, rows};
use stories::{Operator, Story};

const DEVICE: &str = "lab/office";

fn publish(story: &Story, rows: &[Row]) {
    story.device("office").publish_all(rows.iter().map(|row| (DEVICE.into(), row.payload())));
}

fn assert_equal(operator: &Operator, rows: &[Row]) {
    for (column, metric) in ["temperature", "humidity", "light", "co2"].into_iter().enumerate() {
        let found = operator.readings(DEVICE, metric);
        assert_eq!(found.len(), rows.len(), "{metric}");
        for (row, (time, value)) in rows.iter().zip(&found) {
            let sent = [row.temperature, row.humidity, row.light, row.co2][column];
            let same = value.as_f64().map(f64::to_bits) == Some(sent.to_bits());
            assert!(same && *time == row.time, "{metric}: {row:?} came back as {value} at {time}");
        }
    }
    let occupied: Vec<Value> = rows.iter().map(|row| json!(row.occupied)).collect();
    assert_eq!(operator.values(DEVICE, "occupancy"), occupied);
}

#[test]
fn every_row_of_the_office_comes_back_equal_also_after_a_restart() {
    let rows = rows(CSV).unwrap();
    let mut story = Story::begin();
    publish(&story, &rows);
    assert_equal(&story.operator(), &rows);
    story.restart();
    assert_equal(&story.operator(), &rows);
    story.kill_and_restart();
    assert_equal(&story.operator(), &rows);

    let readings = &story.operator().settled_books().readings;
    assert_eq!(readings.decoded, 5 * 20_560, "{readings:?}");
    story.finish();
}

#[test]
fn rows_that_come_late_backwards_and_twice_end_up_in_order_and_once() {
    let rows = &rows(CSV).unwrap()[..2_000];
    let story = Story::begin();
    let mut backwards = rows.to_vec();
    backwards.reverse();
    publish(&story, &backwards);
    publish(&story, rows);
    assert_equal(&story.operator(), rows);
    story.finish();
}

#[test]
fn the_export_of_a_range_is_complete() {
    let rows = &rows(CSV).unwrap()[..2_500];
    let story = Story::begin();
    publish(&story, rows);
    let operator = story.operator();
    let path = format!("/readings?device=lab%2Foffice&metric=co2&from={}&to={}", rows[100].time, rows[2_400].time);
    let csv = operator.send("GET", &path, &[("accept", "text/csv")], None);
    let text = csv.body.as_str().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        (csv.status, csv.content_type.as_str(), lines[0]),
        (200, "text/csv", "time,device,metric,value,unit,quality")
    );
    assert_eq!(lines.len(), 1 + 2_300, "from is inclusive, to is exclusive");
    let value = |line: &str| line.split(',').nth(3).and_then(|cell| cell.parse::<f64>().ok());
    for (line, row) in lines[1..].iter().zip(&rows[100..]) {
        assert_eq!(value(line), Some(row.co2), "{line}");
    }
    story.finish();
}
