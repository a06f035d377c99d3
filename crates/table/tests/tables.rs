//! Whole tables: what their beginning tells, and what their rows say.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use model::Value;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use table::{ColumnGuess, Guess, Mapping, Reader, Rows, TimeForm, guess};

const LATEST: i64 = 1_800_000_000_000;

fn mapping(json: Json) -> Mapping {
    serde_json::from_value(json).unwrap()
}

/// `device metric value unit@time` of every reading, `row reason` of everything refused.
fn read(text: &str, mapping: &Mapping) -> (Vec<String>, Vec<String>) {
    let (mut told, mut refused) = (Vec::new(), Vec::new());
    let mut reader = Reader::new(mapping, LATEST).unwrap();
    let mut rows = Rows::parted_by(mapping.delimiter as u8);
    let mut header = mapping.header;
    let mut each = |row: table::Row<'_>| {
        if std::mem::take(&mut header) {
            return reader.begin(&row).unwrap();
        }
        let read = reader.read(&row);
        for found in read.found {
            let Some(decode::ClaimedTime::At { ms, .. }) = found.time else { panic!("{found:?}") };
            let value = match found.value.unwrap() {
                Value::Number(number) => number.to_string(),
                Value::Bool(on) => on.to_string(),
                Value::Text(text) => text.to_string(),
            };
            let unit = found.unit.map_or(String::new(), |unit| format!(" {}", unit.as_str()));
            told.push(format!("{} {} {value}{unit}@{ms}", found.device, found.metric));
        }
        refused.extend(read.refused.into_iter().map(|refused| format!("{} {}", row.number, refused.reason)));
    };
    rows.push(text.as_bytes(), &mut each).unwrap();
    rows.finish(&mut each).unwrap();
    (told, refused)
}

fn guesses(guess: &Guess) -> Vec<ColumnGuess> {
    guess.columns.iter().map(|column| column.guess).collect()
}

#[test]
fn a_german_table_is_understood_but_for_its_zone() {
    let text = "Datum;Uhrzeit;Temperatur (°C);Luftfeuchte [%];Notiz\r\n\
        31.12.2024;23:59;21,5;1.045,25;gut\r\n31.12.2024;23:59:30;-3;;\r\n";
    let found = guess(text.as_bytes(), Some("keller"), None);
    use ColumnGuess::{Metric, Skip, Time, TimeOfDay};
    assert_eq!(guesses(&found), [Time, TimeOfDay, Metric, Metric, Skip], "{found:?}");
    assert_eq!((found.delimiter, found.header, found.decimal_comma), (';', true, true));
    assert!(found.problems.iter().any(|problem| problem.contains("zone")), "{:?}", found.problems);
    let mut mapping = found.mapping.unwrap();
    assert_eq!((mapping.time.form, mapping.fields[0].unit.as_deref()), (TimeForm::Dmy, Some("°C")));
    assert_eq!(Reader::new(&mapping, LATEST).err().unwrap().member, "time.zone");
    mapping.time.zone = Some("Europe/Berlin".to_owned());
    (mapping.fields[0].metric, mapping.fields[1].metric) = ("temperature".to_owned(), "level".to_owned());
    let (told, refused) = read(text, &mapping);
    let at = 1_735_685_940_000_i64;
    assert_eq!(told[0], format!("keller temperature 21.5 °C@{at}"));
    assert_eq!(told[1], format!("keller level 1045.25 %@{at}"));
    assert_eq!((told[2].as_str(), told.len()), (format!("keller temperature -3 °C@{}", at + 30_000).as_str(), 3));
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn our_own_export_is_understood_as_it_is() {
    let text = "time,device,metric,value,unit,quality\r\n2023-11-14T22:13:20.000Z,esp32/dht,bme280.pressure,1013.25,hPa,good\r\n\
        2023-11-14T22:13:20.000Z,esp32/dht,door,true,,good\r\n2023-11-14T22:13:21.000Z,esp32/dht,bme280.pressure,,hPa,bad\r\n";
    let found = guess(text.as_bytes(), None, None);
    use ColumnGuess::{Device, MetricName, Skip, Time, Unit, Value};
    assert_eq!(guesses(&found), [Time, Device, MetricName, Value, Unit, Skip], "{found:?}");
    assert_eq!(found.problems, Vec::<String>::new());
    let (told, refused) = read(text, &found.mapping.unwrap());
    assert_eq!(told, ["esp32/dht bme280.pressure 1013.25 hPa@1700000000000", "esp32/dht door true@1700000000000"]);
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn what_parts_cells_and_names_columns_is_told_by_the_file() {
    let of = |text: &str| {
        let found = guess(text.as_bytes(), Some("d"), None);
        let form = found.mapping.as_ref().map(|mapping| mapping.time.form);
        (found.delimiter, found.header, found.decimal_comma, form)
    };
    assert_eq!(of("time,temperature\n1700000000,21.5\n1700000001,\n"), (',', true, false, Some(TimeForm::S)));
    assert_eq!(of("1700000000123\t21,5\n1700000001123\t3\n"), ('\t', false, true, Some(TimeForm::Ms)));
    assert_eq!(of("t;a;b\n2024-01-01 10:00;1,5;2,5\n"), (';', true, true, Some(TimeForm::Iso)));
    assert_eq!(of("01.02.2024 10:00;1,5;2,5\n01.02.2024 10:01;1,5;2,5\n"), (';', false, true, Some(TimeForm::Dmy)));
    assert_eq!(of("when,\"a, b\"\n03/25/2024 1:05 PM,\"1,234.5\"\n"), (',', true, false, Some(TimeForm::Mdy)));
    assert_eq!(of("name,age\nalice,x\n").3, None);
    let month_first = guess(b"d,x\n03/04/2024,1\n", Some("d"), None);
    assert!(month_first.problems.iter().any(|problem| problem.contains("Day and month")), "{:?}", month_first.problems);
    for text in ["", "\n", "a", "time,x", "\"", "\u{feff}time,x\n"] {
        assert!(!guess(text.as_bytes(), None, None).problems.is_empty(), "{text:?}");
    }
}

#[test]
fn a_row_that_is_wrong_is_refused_with_its_number_and_takes_nothing_with_it() {
    let mapping = mapping(json!({
        "time": {"column": 1, "zone": "UTC"}, "device": {"key": "d"},
        "fields": [{"column": 2, "metric": "temperature"}, {"column": 3, "metric": "note", "kind": "text"},
            {"column": 4, "metric": "heat", "unit": "°F"}]
    }));
    let text = "time,t,note,f\n2024-01-01 00:00:00,1,fine,32\nyesterday,1,,\n2024-01-01 00:00:02,1\n2024-01-01 00:00:03,=1+1,x,3\n\
        2024-01-01 00:00:04,unavailable,,\n2024-01-01 00:00:05,9007199254740993,,\n2224-01-01 00:00:06,1,,\n0000-01-01 00:00:07,1,,\n\
        2024-01-01 00:00:08,lots,y,4,\n";
    let (told, refused) = read(text, &mapping);
    let at = 1_704_067_200_000_i64;
    assert_eq!(told[0], format!("d temperature 1 °C@{at}"));
    assert_eq!(told[1], format!("d note fine@{at}"));
    assert_eq!(told[2], format!("d heat 32 °F@{at}"));
    assert_eq!(&told[3..5], [format!("d note x@{}", at + 3_000), format!("d heat 3 °F@{}", at + 3_000)]);
    assert_eq!(told[5], format!("d temperature NaN °C@{}", at + 4_000));
    assert_eq!(&told[6..], [format!("d note y@{}", at + 8_000), format!("d heat 4 °F@{}", at + 8_000)]);
    assert_eq!(refused, ["3 time", "4 columns", "5 number", "7 precision", "8 ahead", "9 time", "10 number"]);
}

#[test]
fn a_mapping_that_is_wrong_is_told_by_its_member() {
    let fields = json!([{"column": 2, "metric": "a"}]);
    let wrong = |json: Json| Reader::new(&mapping(json), LATEST).err().unwrap().member;
    let time = json!({"column": 1});
    let key = json!({"key": "d"});
    assert_eq!(wrong(json!({"time": {"column": 0}, "device": key, "fields": fields})), "time.column");
    assert_eq!(wrong(json!({"time": time, "device": {}, "fields": fields})), "device");
    assert_eq!(wrong(json!({"time": time, "device": key})), "fields");
    assert_eq!(wrong(json!({"time": time, "device": {"column": 2}, "fields": fields})), "fields[0].column");
    assert_eq!(
        wrong(json!({"time": time, "device": key, "fields": fields, "long": {"metric": 3, "value": 4}})),
        "long"
    );
    assert_eq!(wrong(json!({"time": {"column": 1, "zone": "Mars"}, "device": key, "fields": fields})), "time.zone");
    assert_eq!(wrong(json!({"delimiter": "x", "time": time, "device": key, "fields": fields})), "delimiter");
    assert!(serde_json::from_value::<Mapping>(json!({"time": time, "device": key, "colour": 1})).is_err());
}

proptest! {
    #[test]
    fn any_beginning_of_a_file_is_looked_at_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let found = guess(&bytes, None, None);
        if let Some(mapping) = found.mapping {
            let _ = Reader::new(&mapping, LATEST);
        }
    }

    #[test]
    fn numbers_come_back_bit_for_bit(numbers in proptest::collection::vec(-1e9..1e9_f64, 1..20), comma: bool) {
        let mapping = mapping(json!({
            "delimiter": ";", "header": false, "decimal_comma": comma, "time": {"column": 1, "form": "s"},
            "device": {"key": "d"}, "fields": [{"column": 2, "metric": "level"}]
        }));
        let written = |number: &f64| if comma { number.to_string().replace('.', ",") } else { number.to_string() };
        let text: String = numbers.iter().enumerate().map(|(at, number)| format!("{at};{}\n", written(number))).collect();
        let (told, refused) = read(&text, &mapping);
        let expected: Vec<String> =
            numbers.iter().enumerate().map(|(at, number)| format!("d level {number}@{}", at * 1000)).collect();
        prop_assert_eq!((told, refused.len()), (expected, 0));
    }
}

#[test]
fn times_at_both_ends_of_what_can_be_written_are_refused_and_disturb_nothing() {
    for form in ["ms", "s"] {
        let of = mapping(json!({
            "time": {"column": 1, "form": form}, "delimiter": ",", "header": false, "decimal_comma": false,
            "device": {"key": "d"}, "fields": [{"column": 2, "metric": "temperature"}],
        }));
        let text = format!("{},1\n{},2\n-1,3\n", i64::MIN, i64::MAX);
        let (told, refused) = read(&text, &of);
        assert_eq!((told.len(), refused.len()), (1, 2), "{told:?} {refused:?}");
    }
}
