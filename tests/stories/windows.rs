//! Windows in the words people use: local days, directions, meters.

use serde_json::{Value, json};
use stories::Story;

const HOUR_MS: i64 = 3_600_000;
/// Midnight of Friday, 28 March 2025, in Berlin; on Sunday the clocks go forward.
const FRIDAY_MS: i64 = 1_743_116_400_000;

fn publish(story: &Story, metric: &str, readings: impl Iterator<Item = (i64, f64)>) {
    let message =
        |(time, value): (i64, f64)| ("home/roof".to_owned(), json!({ "ts": time, metric: value }).to_string().into());
    story.device("roof").publish_all(readings.map(message));
}

fn days(story: &Story, metric: &str, from: i64, to: i64) -> Value {
    let question = format!("device=home%2Froof&metric={metric}&from={from}&to={to}&step=day&zone=Europe%2FBerlin");
    story.operator().see(&format!("/windows?{question}"))
}

#[test]
fn a_day_in_berlin_has_23_hours_when_the_clocks_go_forward() {
    let mut story = Story::begin();
    // One reading every ten minutes, five days long.
    publish(&story, "temperature_c", (0..720).map(|at| (FRIDAY_MS + at * HOUR_MS / 6, at as f64 / 10.0)));
    let midnights: Vec<i64> = [0, 24, 48, 71].map(|hour| FRIDAY_MS + hour * HOUR_MS).into();
    for _ in 0..2 {
        let answer = days(&story, "temperature", FRIDAY_MS, FRIDAY_MS + 95 * HOUR_MS);
        assert_eq!((&answer["t"], &answer["end"]), (&json!(midnights), &json!(FRIDAY_MS + 95 * HOUR_MS)));
        assert_eq!(answer["count"], json!([144, 144, 138, 144]));
        assert_eq!((&answer["min"][2], &answer["max"][2]), (&json!(28.8), &json!(42.5)));
        assert_eq!((&answer["step"], &answer["zone"]), (&json!("day"), &json!("Europe/Berlin")));
        assert_eq!(answer["partial"], json!({"first": false, "last": false}));
        // Half a day at either end is told; the windows are whole all the same.
        let answer = days(&story, "temperature", FRIDAY_MS + 12 * HOUR_MS, FRIDAY_MS + 36 * HOUR_MS);
        assert_eq!((&answer["count"], &answer["partial"]), (&json!([144, 144]), &json!({"first": true, "last": true})));
        story.restart();
    }
    story.finish();
}

#[test]
fn the_mean_of_winds_from_north_is_north() {
    let mut story = Story::begin();
    publish(
        &story,
        "wind_direction",
        [(0, 350.0), (1, 10.0), (2, 340.0), (3, 20.0)].map(|(at, value)| (FRIDAY_MS + at * HOUR_MS, value)).into_iter(),
    );
    let opposite = [(30, 90.0), (31, 270.0)].map(|(at, value)| (FRIDAY_MS + at * HOUR_MS, value));
    publish(&story, "wind_direction", opposite.into_iter());
    for _ in 0..2 {
        let answer = days(&story, "wind_direction", FRIDAY_MS, FRIDAY_MS + 48 * HOUR_MS);
        let mean = answer["avg"][0].as_f64().unwrap();
        assert!(mean.min(360.0 - mean) < 1e-9, "{answer}");
        assert_eq!(
            (&answer["kind"], &answer["avg"][1]),
            (&json!("angle"), &json!(null)),
            "east and west point nowhere"
        );
        assert_eq!((&answer["min"], &answer["max"]), (&json!([10.0, 90.0]), &json!([350.0, 270.0])));
        story.restart();
    }
    story.finish();
}

#[test]
fn a_meter_that_was_reset_goes_on_counting() {
    let mut story = Story::begin();
    // 100 … 107 on Friday; Saturday goes on to 110 and starts again at 0; the rest on Sunday.
    let meter = [(1, 100.0), (20, 107.0), (26, 110.0), (30, 0.5), (47, 2.0), (49, 2.5)];
    publish(&story, "energy_kwh", meter.map(|(at, value)| (FRIDAY_MS + at * HOUR_MS, value)).into_iter());
    for _ in 0..2 {
        let answer = days(&story, "energy", FRIDAY_MS, FRIDAY_MS + 72 * HOUR_MS);
        assert_eq!((&answer["kind"], &answer["increase"]), (&json!("total_increasing"), &json!([7.0, 5.0, 0.5, null])));
        // What was before the range is known: Saturday alone rises by the same.
        let saturday = days(&story, "energy", FRIDAY_MS + 24 * HOUR_MS, FRIDAY_MS + 48 * HOUR_MS);
        assert_eq!(saturday["increase"], json!([5.0]));
        story.restart();
    }
    story.finish();
}

#[test]
fn a_zone_or_step_that_nobody_knows_is_refused() {
    let story = Story::begin();
    publish(&story, "temperature_c", [(FRIDAY_MS, 1.0)].into_iter());
    let operator = story.operator();
    for (asked, code) in [
        ("step=day&zone=Europe%2FBerlim", "zone_unknown"),
        ("step=day&zone=", "zone_unknown"),
        ("step=day&zone=..%2F..%2Fetc%2Fpasswd", "zone_unknown"),
        ("step=day&zone=%2B01%3A00", "zone_unknown"),
        ("step=fortnight&zone=UTC", "step_unknown"),
        ("zone=UTC", "query_invalid"),
        ("step=day&width=100", "query_invalid"),
        ("step=day&step_ms=1000", "query_invalid"),
    ] {
        let path = format!("/windows?device=home%2Froof&metric=temperature&from=0&to=86400000&{asked}");
        assert_eq!(operator.get(&path).problem(&[400]), code, "{asked}");
    }
    let utc = operator.see("/windows?device=home%2Froof&metric=temperature&from=0&to=86400000&step=week");
    assert_eq!((&utc["t"], &utc["zone"]), (&json!([-3 * 24 * HOUR_MS]), &json!("UTC")), "weeks begin on Monday");
    story.finish();
}
