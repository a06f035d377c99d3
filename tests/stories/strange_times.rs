//! Times that devices claim: clocks that were never set, units, zones, and a month that comes all at once.

use serde_json::{Value, json};
use stories::{Operator, Story};

/// 2000-01-01, where clocks of some boards begin.
const YEAR_2000_S: i64 = 946_684_800;

fn now(operator: &Operator) -> i64 {
    operator.see("/about")["now"].as_i64().unwrap()
}

#[test]
fn a_board_without_a_clock_is_heard_at_our_time_and_told() {
    let mut story = Story::begin();
    let begun = now(&story.operator());
    // It wakes, connects, publishes one reading and is gone, with a clock that counts from 1970 or from 2000.
    for wake in 0..20_i64 {
        let seconds = if wake % 2 == 0 { wake * 60 } else { YEAR_2000_S + wake * 60 };
        let payload = format!(r#"{{"ts":{seconds},"level":{wake}}}"#);
        story.device("tank").publish("tank", payload);
    }
    let operator = story.operator();
    let readings = operator.readings("tank", "level");
    let values: Vec<_> = readings.iter().map(|(_, value)| value.clone()).collect();
    assert_eq!(values, (0..20).map(|n| json!(f64::from(n))).collect::<Vec<_>>());
    let until = now(&operator);
    assert!(readings.iter().all(|(time, _)| (begun..=until).contains(time)), "{begun} {until} {readings:?}");
    assert_eq!(operator.see("/devices/tank")["clock_bad"], 20);
    story.kill_and_restart();
    assert_eq!(story.operator().readings("tank", "level"), readings, "the time was chosen once");
    story.finish();
}

#[test]
fn times_from_everywhere_are_one_time_or_ours_and_hang_nothing() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("clocks");
    // The same moment in every unit is one reading.
    for ts in [
        "1700000000",
        "1700000000000",
        "1700000000000000",
        "1700000000000000000",
        "1700000000.0",
        "1.7e9",
        "\"1700000000\"",
        "\"2023-11-14T22:13:20Z\"",
        "\"2023-11-14T23:13:20+01:00\"",
    ] {
        device.publish("unit", format!(r#"{{"ts":{ts},"level":1}}"#));
    }
    assert_eq!(operator.readings("unit", "level"), [(1_700_000_000_000, json!(1.0))]);
    let wrong = [
        "2147483648000000",
        "4294967296",
        "4294967296000",
        "292277026596",
        "292277026596000",
        "-1",
        "-1700000000",
        "9223372036854775807",
        "-9223372036854775808",
        "1e300",
        "-1e300",
        "1e-300",
        "\"292277026596-12-04T15:30:07Z\"",
        "\"-009999-01-01T00:00:00Z\"",
        "99999999999999999999999999",
        "nan",
        "null",
        "{}",
        "\"soon\"",
    ];
    let begun = now(&operator);
    for (n, ts) in wrong.iter().enumerate() {
        device.publish("wrong", format!(r#"{{"ts":{ts},"level":{n}}}"#));
    }
    let readings = operator.readings("wrong", "level");
    let ours = begun..=now(&operator);
    for (n, ts) in wrong.iter().enumerate() {
        let found = readings.iter().find(|(_, value)| *value == json!(n as f64));
        assert!(found.is_some_and(|(time, _)| ours.contains(time)), "{ts}: {found:?}");
    }
    // Ranges of any size are answered or refused, in bounded time.
    for range in ["from=0&to=9223372036854775807", "from=-9223372036854775808&to=0", "from=0&to=253402300799999"] {
        let answer = operator.get(&format!("/windows?device=wrong&metric=level&{range}&width=4000"));
        assert!(matches!(answer.status, 200 | 400 | 422), "{range}: {answer:?}");
        let fine = operator.get(&format!("/windows?device=wrong&metric=level&{range}&step_ms=1000"));
        let _ = fine.problem(&[400, 422]);
    }
    story.finish();
}

#[test]
fn a_local_time_without_a_zone_is_not_guessed_at() {
    let story = Story::begin();
    let operator = story.operator();
    let mut device = story.device("local");
    let begun = now(&operator);
    // One hour that occurred twice in Berlin, one that never did, and a noon: nobody knows whose.
    for time in ["2024-10-27T02:30:00", "2024-03-31T02:30:00", "2024-06-01 12:00:00", "01.06.2024 12:00"] {
        device.publish("naive", format!(r#"{{"time":"{time}","level":1}}"#));
    }
    let until = now(&operator);
    let naive = operator.readings("naive", "level");
    assert_eq!(naive.len(), 4);
    assert!(naive.iter().all(|(time, _)| (begun..=until).contains(time)), "{naive:?}");
    assert_eq!(operator.see("/devices/naive")["clock_bad"], 0, "it has no zone; its clock may be right");

    // With its offset the hour that occurred twice is two hours, and both are stored.
    for (level, time) in [(1, "2024-10-27T02:30:00+02:00"), (2, "2024-10-27T02:30:00+01:00")] {
        device.publish("zoned", format!(r#"{{"time":"{time}","level":{level}}}"#));
    }
    let first = 1_729_989_000_000;
    assert_eq!(operator.readings("zoned", "level"), [(first, json!(1.0)), (first + 3_600_000, json!(2.0))]);
    let day = "device=zoned&metric=level&from=2024-10-26T22:00:00Z&to=2024-10-28T22:00:00Z&step=day&zone=Europe/Berlin";
    let days = operator.see(&format!("/windows?{day}"));
    assert_eq!(days["count"][0], 2, "both lie in the day of 25 hours: {days}");
    // A leap second is some second.
    device.publish("zoned", r#"{"time":"2016-12-31T23:59:60Z","level":3}"#);
    assert_eq!(operator.values("zoned", "level").len(), 3);
    story.finish();
}

#[test]
fn a_local_time_is_read_in_the_zone_that_a_rule_names() {
    let story = Story::begin();
    let operator = story.operator();
    let rule = json!({"name": "Berlin", "match": "berlin/{device}", "time": {"path": "time", "zone": "Europe/Berlin"},
        "fields": [{"path": "level", "metric": "level"}]});
    let added = operator.post("/rules", &json!({"rule": rule}));
    assert_eq!(added.status, 201, "{added:?}");
    let mut device = story.device("local");
    // Summer, an hour that never was, and one that was twice: the first of them is meant.
    for (level, time) in [(1, "2024-07-01T12:00:00"), (2, "2024-03-31T02:30:00"), (3, "2024-10-27T02:30:00")] {
        device.publish("berlin/tank", format!(r#"{{"time":"{time}","level":{level}}}"#));
    }
    let expected = [(1_711_848_600_000, 2.0), (1_719_828_000_000, 1.0), (1_729_989_000_000, 3.0)];
    assert_eq!(operator.readings("tank", "level"), expected.map(|(time, level)| (time, json!(level))));
    story.finish();
}

#[test]
fn the_later_of_two_values_at_one_time_holds_for_good() {
    let mut story = Story::begin();
    let mut device = story.device("tank");
    for level in [3, 1, 2] {
        device.publish("tank", format!(r#"{{"ts":1700000000000,"level":{level}}}"#));
    }
    for restart in [|_: &mut Story| {}, Story::kill_and_restart, Story::restart] {
        restart(&mut story);
        assert_eq!(story.operator().readings("tank", "level"), [(1_700_000_000_000, json!(2.0))]);
    }
    let readings = story.operator().settled_books().readings;
    assert_eq!((readings.decoded, readings.stored, readings.replaced), (3, 1, 2), "{readings:?}");
    story.finish();
}

#[test]
fn a_month_at_once_and_out_of_order_is_stored_whole_while_others_go_on() {
    const MINUTES: i64 = 30 * 24 * 60;
    let mut story = Story::begin();
    let operator = story.operator();
    let end = now(&operator) / 60_000 * 60_000;
    let start = end - MINUTES * 60_000;
    let item = |minute: i64| format!(r#"{{"ts":{},"values":{{"level":{minute}}}}}"#, start + minute * 60_000);
    // 7,919 has no factor in common with the number of minutes: every minute once, in disorder.
    let minutes: Vec<i64> = (0..MINUTES).map(|n| n * 7_919 % MINUTES).collect();
    let messages: Vec<_> = minutes
        .chunks(20)
        .map(|chunk| {
            let items: Vec<String> = chunk.iter().map(|minute| item(*minute)).collect();
            (String::from("late"), format!("[{}]", items.join(",")).into_bytes())
        })
        .collect();
    let live = std::thread::scope(|scope| {
        let (mut late, mut live) = (story.device("late"), story.device("live"));
        let backlog = scope.spawn(move || late.publish_all(messages));
        let mut sent = 0_u32;
        while !backlog.is_finished() {
            live.publish("live/level", sent.to_string());
            sent += 1;
        }
        backlog.join().unwrap();
        sent
    });
    assert!(live >= 3, "the other device got {live} publishes through meanwhile");
    assert_eq!(operator.values("live", "level").len(), live as usize);
    for restart in [|_: &mut Story| {}, Story::kill_and_restart] {
        restart(&mut story);
        let operator = story.operator();
        let values: Vec<i64> =
            operator.values("late", "level").iter().filter_map(Value::as_f64).map(|v| v as i64).collect();
        assert_eq!(values.len(), MINUTES as usize);
        assert!(values.iter().copied().eq(0..MINUTES), "in the order of their own time");
        assert_eq!(operator.see("/latest?device=late")["items"][0]["v"], json!((MINUTES - 1) as f64));
    }
    let readings = story.operator().settled_books().readings;
    assert_eq!(readings.duplicate + readings.replaced, 0, "{readings:?}");
    story.finish();
}
