//! Tables that people bring: real ones, long ones, wrong ones, and ones that are broken off.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clock::{Clock, SystemClock};
use serde_json::{Value, json};
use simulator::api::segment;
use simulator::office_room::{CSV, rows};
use stories::{Answer, Operator, Socket, Story, expect};

const START: i64 = 1_700_000_000_000;

fn import(operator: &Operator, mapping: &Value, text: &[u8]) -> Answer {
    let path = format!("/imports?name=file.csv&mapping={}", segment(&mapping.to_string()));
    operator.send("POST", &path, &[("content-type", "text/csv")], Some(text))
}

fn imported(operator: &Operator, mapping: &Value, text: &[u8]) -> Value {
    let answer = import(operator, mapping, text);
    assert_eq!((answer.status, &answer.body["state"]), (201, &json!("done")), "{answer:?}");
    answer.body
}

/// `level` of `tank`, a row a second.
fn plain() -> Value {
    json!({"time": {"column": 1, "form": "ms"}, "device": {"key": "tank"}, "fields": [{"column": 2, "metric": "level"}]})
}

fn levels(count: i64) -> String {
    let mut text = String::from("time,level\n");
    for n in 0..count {
        writeln!(text, "{},{n}.5", START + n * 1000).unwrap();
    }
    text
}

/// The head of an import whose body comes in pieces, and its mapping.
fn open_import(story: &Story) -> Socket {
    let mut socket = Socket::open(story.operator().http());
    let path = format!("/api/v1/imports?mapping={}", segment(&plain().to_string()));
    let head = "Host: localhost\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n";
    socket.send(format!("POST {path} HTTP/1.1\r\n{head}").as_bytes());
    socket
}

fn send_piece(socket: &mut Socket, piece: &str) {
    socket.send(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
}

fn newest(operator: &Operator) -> Value {
    operator.see("/imports")["items"][0].clone()
}

#[test]
fn the_real_office_is_understood_imported_and_one_however_often_it_comes() {
    let rows = rows(CSV).unwrap();
    let mut story = Story::begin();
    let operator = story.operator();
    let head = &CSV.as_bytes()[..64 * 1024];
    let preview = operator.send("POST", "/imports/preview?device=lab%2Foffice", &[], Some(head));
    assert_eq!(preview.status, 200, "{preview:?}");
    let guesses: Vec<&str> =
        preview.body["columns"].as_array().unwrap().iter().map(|column| column["guess"].as_str().unwrap()).collect();
    assert_eq!(guesses, ["time", "metric", "metric", "metric", "metric", "metric"], "{preview:?}");
    assert_eq!(preview.body["problems"].as_array().unwrap().len(), 1, "the zone: {preview:?}");
    assert_eq!(preview.body["rows"][0][1], "23.7");
    assert_eq!(operator.settled_books().messages.received, 0, "a preview stores nothing");

    let mut mapping = preview.body["mapping"].clone();
    mapping["time"]["zone"] = json!("UTC");
    let path = format!("/imports/preview?mapping={}", segment(&mapping.to_string()));
    let read = operator.send("POST", &path, &[], Some(head)).body;
    assert_eq!((&read["readings"][0]["t"], &read["readings"][0]["v"]), (&json!(rows[0].time), &json!(23.7)), "{read}");
    assert_eq!(read["readings"][0]["unit"], "°C");

    let readings = 5 * rows.len();
    let first = imported(&operator, &mapping, CSV.as_bytes());
    assert_eq!((&first["rows"], &first["stored"]), (&json!(rows.len()), &json!(readings)), "{first}");
    let times = (rows.iter().map(|row| row.time).min(), rows.iter().map(|row| row.time).max());
    assert_eq!(first["devices"], json!([{"key": "lab/office", "first": times.0, "last": times.1}]));
    assert_eq!((&first["bytes"], &first["bytes_total"]), (&json!(CSV.len()), &json!(CSV.len())));
    assert_eq!((&first["rejected"], &first["errors"], &first["unsettled"]), (&json!({}), &json!([]), &json!(0)));
    let again = imported(&operator, &mapping, CSV.as_bytes());
    let counts = |import: &Value| [&import["stored"], &import["duplicate"], &import["replaced"]].map(Value::clone);
    assert_eq!(counts(&again), [json!(0), json!(readings), json!(0)], "equal values at equal times: {again}");
    assert_eq!(operator.see("/devices/lab%2Foffice")["status"], "never_seen", "a table is not a device that speaks");
    story.kill_and_restart();
    let operator = story.operator();
    for (metric, sent) in [("temperature", rows[0].temperature), ("co2", rows[0].co2)] {
        let found = operator.readings("lab/office", metric);
        assert_eq!(found.len(), rows.len(), "{metric}");
        assert_eq!(found[0], (rows[0].time, json!(sent)));
    }
    story.finish();
}

#[test]
fn another_value_at_the_same_time_replaces_and_both_are_counted() {
    let story = Story::begin();
    let operator = story.operator();
    imported(&operator, &plain(), levels(1_000).as_bytes());
    let corrected = levels(1_000).replace("7.5\n", "7.25\n");
    let import = imported(&operator, &plain(), corrected.as_bytes());
    assert_eq!((&import["stored"], &import["duplicate"], &import["replaced"]), (&json!(0), &json!(900), &json!(100)));
    assert_eq!(operator.readings("tank", "level")[7], (START + 7_000, json!(7.25)));
    let book = operator.book("import");
    assert_eq!((book.readings.decoded, book.readings.stored, book.readings.replaced), (2_000, 1_000, 100));
    story.finish();
}

#[test]
fn a_failed_read_never_takes_the_place_of_a_value() {
    let story = Story::begin();
    let operator = story.operator();
    imported(&operator, &plain(), levels(10).as_bytes());
    // The same table with a sensor that failed in three rows, one of which was never read before, and twice in one row's place.
    let failed = levels(11).replace(",3.5", ",nan").replace(",7.5", ",nan").replace(",10.5", ",nan");
    let failed = format!("{failed}{},nan\n{},20.5\n{},nan\n", START + 9_000, START + 20_000, START + 20_000);
    let import = imported(&operator, &plain(), failed.as_bytes());
    let counts = [&import["stored"], &import["duplicate"], &import["replaced"]];
    assert_eq!(counts, [&json!(2), &json!(8), &json!(0)], "{import}");
    assert_eq!(import["rejected"], json!({"failed_read": 4}), "{import}");
    assert!(import["errors"][0]["detail"].as_str().unwrap().contains("which stays"), "{import}");
    let found: Vec<Value> = operator.values("tank", "level");
    let expected = (0..10).map(|n| json!(f64::from(n) + 0.5)).chain([Value::Null, json!(20.5)]);
    assert_eq!(found, expected.collect::<Vec<Value>>());
    let again = imported(&operator, &plain(), levels(11).as_bytes());
    assert_eq!(again["replaced"], 1, "a value takes the place of a failed read: {again}");
    assert_eq!(operator.settled_books().readings.replaced, 1);
    assert!(operator.see("/imports")["since"].as_i64().is_some_and(|since| since > START));
    story.finish();
}

#[test]
fn rows_that_are_wrong_are_named_and_the_others_are_stored() {
    let story = Story::begin();
    let operator = story.operator();
    let mapping = json!({
        "delimiter": ";", "decimal_comma": true,
        "time": {"column": 1, "form": "dmy", "zone": "Europe/Berlin"},
        "device": {"column": 2}, "long": {"metric": 3, "value": 4, "unit": 5}
    });
    // The clock in Berlin was set back on 2024-10-27 at 03:00 and forward on 2024-03-31 at 02:00.
    let text = "Zeit;Gerät;Größe;Wert;Einheit\n\
        27.10.2024 01:30;cellar;Temperatur;21,5;°C\n\
        27.10.2024 02:30;cellar;Temperatur;21,25;°C\n\
        27.10.2024 02:30;cellar;Temperatur;1.021,0;°C\n\
        27.10.2024 03:30;cellar;Temperatur;20;°C\n\
        31.03.2024 02:30;cellar;Temperatur;20;°C\n\
        01.01.1965 00:00;cellar;Temperatur;1,5;°C\n\
        01.01.2999 00:00;cellar;Temperatur;1,5;°C\n\
        gestern;cellar;Temperatur;1;°C\n\
        27.10.2024 04:00;;Temperatur;1;°C\n\
        27.10.2024 04:00;cellar;Temperatur;=1+1;°C\n\
        27.10.2024 04:00;cellar;Temperatur\n";
    let import = imported(&operator, &mapping, text.as_bytes());
    assert_eq!((&import["rows"], &import["stored"]), (&json!(11), &json!(5)), "{import}");
    assert_eq!(import["rejected"], json!({"time": 2, "ahead": 1, "device": 1, "number": 1, "columns": 1}));
    let named: Vec<u64> =
        import["errors"].as_array().unwrap().iter().map(|error| error["row"].as_u64().unwrap()).collect();
    assert_eq!(named, [6, 8, 9, 10, 11, 12]);
    assert!(import["errors"][0]["detail"].as_str().unwrap().contains("does not occur"), "{import}");

    let hour = 3_600_000;
    let half_past_one = 1_729_985_400_000; // 2024-10-26 23:30 UTC
    let found = operator.readings("cellar", "temperature");
    assert_eq!(found[0].0, -157_770_000_000, "times before 1970 have no floor: {found:?}");
    let since: Vec<i64> = found[1..].iter().map(|(time, _)| (time - half_past_one) / hour).collect();
    assert_eq!(since, [0, 1, 2, 3], "the order tells which 02:30 is meant: {found:?}");
    assert_eq!(found[3].1, json!(1021.0));

    let refused = |mapping: &Value, text: &str| import_refused(&operator, mapping, text);
    assert_eq!(refused(&json!({"time": {"column": 1}}), "a"), "mapping_invalid");
    assert_eq!(refused(&plain(), "time\n1\n"), "import_failed");
    assert_eq!(refused(&plain(), &format!("time,level\n1700000000000,\"{}", "1\n".repeat(100_000))), "import_failed");
    assert_eq!(newest(&operator)["state"], "failed");
    story.finish();
}

fn import_refused(operator: &Operator, mapping: &Value, text: &str) -> String {
    import(operator, mapping, text.as_bytes()).problem(&[422])
}

/// Kilobytes: what the process holds now, and the most it ever held.
fn memory(story: &Story) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", story.server().pid())).unwrap();
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let number = |text: &str| text.trim().trim_end_matches(" kB").parse().unwrap();
    (number(line("VmRSS:")), number(line("VmHWM:")))
}

#[test]
fn a_long_table_comes_in_beside_the_devices_and_is_not_held_in_memory() {
    const ROWS: i64 = 200_000;
    let story = Story::begin();
    let operator = story.operator();
    story.device("esp32").publish("esp32/dht/temperature", "20");
    let (before, _) = memory(&story);
    let text = levels(ROWS);
    let over = AtomicBool::new(false);
    let clock = SystemClock::new();
    let (published, slowest, took) = std::thread::scope(|scope| {
        let devices = scope.spawn(|| {
            let (mut device, mut published) = (story.device("esp32"), 0_u64);
            let mut slowest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let began = clock.monotonic();
                device.publish("esp32/dht/temperature", "21");
                slowest = slowest.max(clock.monotonic().saturating_sub(began));
                published += 1;
            }
            (published, slowest)
        });
        let began = clock.monotonic();
        let done = imported(&operator, &plain(), text.as_bytes());
        let took = clock.monotonic().saturating_sub(began);
        over.store(true, Ordering::Relaxed);
        assert_eq!((&done["rows"], &done["stored"]), (&json!(ROWS), &json!(ROWS)), "{done}");
        let (published, slowest) = devices.join().unwrap();
        (published, slowest, took)
    });
    let (_, most) = memory(&story);
    let beside = format!("{published} publishes beside {ROWS} rows in {took:?}, the slowest {slowest:?}");
    println!("{beside}; {before} kB before, {most} kB at most");
    // Of the machine as loaded as it is: who had to wait for the table would have one that is as slow as all of it.
    assert!(published > 10 && slowest < took / 2, "devices go on: {beside}");
    assert!(most - before < 128 * 1024, "{before} kB grew to {most} kB");
    assert_eq!(operator.book("import").messages.received, 782, "{ROWS} readings of at most 256 a message");
    assert_eq!(operator.settled_books().readings.decoded, ROWS as u64 + published + 1);
    story.finish();
}

#[test]
fn an_import_that_is_stopped_keeps_what_it_stored_and_nothing_else() {
    let story = Story::begin();
    let operator = story.operator();
    let text = levels(20_000);
    let mut socket = open_import(&story);
    let half = text.len() / 2;
    send_piece(&mut socket, &text[..half]);
    let running = expect("half of it to be read", || {
        let import = newest(&operator);
        if import["bytes"] == json!(half) { Ok(import) } else { Err(import) }
    });
    assert_eq!((&running["state"], &running["bytes_total"]), (&json!("running"), &Value::Null));
    assert_eq!(import(&operator, &plain(), b"").problem(&[409]), "import_running");

    assert_eq!(operator.send("DELETE", "/imports/1", &[], None).status, 204);
    let stopped = expect("it to stop", || {
        let import = newest(&operator);
        if import["state"] == "cancelled" { Ok(import) } else { Err(import) }
    });
    let stored = stopped["stored"].as_u64().unwrap();
    assert!(stored > 0 && stored < 11_000, "{stopped}");
    assert_eq!(operator.readings("tank", "level").len() as u64, stored);
    let whole = imported(&operator, &plain(), text.as_bytes());
    assert_eq!((&whole["stored"], &whole["duplicate"]), (&json!(20_000 - stored), &json!(stored)), "{whole}");
    assert_eq!(operator.send("DELETE", "/imports/1", &[], None).status, 204, "it has ended: it is forgotten");
    assert_eq!(operator.get("/imports/1").problem(&[404]), "import_unknown");
    story.finish();
}

#[test]
fn a_sender_that_goes_away_leaves_what_was_stored_and_a_place_for_the_next() {
    let story = Story::begin();
    let operator = story.operator();
    let text = levels(5_000);
    let mut socket = open_import(&story);
    send_piece(&mut socket, &text[..text.len() / 2]);
    expect("some of it to be read", || {
        let import = newest(&operator);
        if import["rows"].as_u64().is_some_and(|rows| rows > 0) { Ok(()) } else { Err(import) }
    });
    drop(socket);
    let broken = expect("the end of the connection to be noticed", || {
        let import = newest(&operator);
        if import["state"] == "failed" { Ok(import) } else { Err(import) }
    });
    assert!(broken["detail"].as_str().is_some_and(|detail| detail.contains("nothing doubles")), "{broken}");
    imported(&operator, &plain(), text.as_bytes());
    let both = operator.see("/imports");
    let sum =
        |name: &str| both["items"].as_array().unwrap().iter().map(|item| item[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("stored"), 5_000, "each reading is counted to the import that brought it first: {both}");
    assert_eq!(operator.readings("tank", "level").len(), 5_000);
    story.finish();
}

#[test]
fn a_killed_server_has_what_it_counted_and_the_file_can_be_brought_again() {
    let mut story = Story::begin();
    let operator = story.operator();
    let text = levels(20_000);
    let mut socket = open_import(&story);
    send_piece(&mut socket, &text[..text.len() / 2]);
    let counted = expect("some of it to be counted", || {
        let import = newest(&operator);
        let durable = import["stored"].as_u64().unwrap_or(0) + import["unsettled"].as_u64().unwrap_or(0);
        if durable > 1_000 { Ok(durable) } else { Err(import) }
    });
    story.kill_and_restart();
    let operator = story.operator();
    assert_eq!(operator.see("/imports")["items"], json!([]), "what was under way is gone with the server");
    let kept = operator.readings("tank", "level").len() as u64;
    assert!(kept >= counted, "{counted} were counted and {kept} are there");
    let whole = imported(&operator, &plain(), text.as_bytes());
    assert_eq!((&whole["stored"], &whole["duplicate"]), (&json!(20_000 - kept), &json!(kept)), "{whole}");
    let found = operator.readings("tank", "level");
    let expected: Vec<(i64, Value)> = (0..20_000).map(|n| (START + n * 1000, json!(n as f64 + 0.5))).collect();
    assert_eq!(found, expected);
    story.finish();
}
