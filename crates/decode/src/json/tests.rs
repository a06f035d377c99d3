//! The reader against `serde_json`, and what it takes beyond it.

use proptest::prelude::*;

use super::*;

/// The same tree as `serde_json` sees it, numbers by their text.
fn same(ours: &Json<'_>, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Json::Null, serde_json::Value::Null) => true,
        (Json::Bool(a), serde_json::Value::Bool(b)) => a == b,
        (Json::Number(a), serde_json::Value::Number(b)) => {
            // serde_json may be some bits beside the nearest double, more of them where doubles lose precision.
            let (a, b) = (a.parse::<f64>().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= b.abs() * 1e-15 + 1e-300
        }
        (Json::Text(a), serde_json::Value::String(b)) => a == b,
        (Json::List(a), serde_json::Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), serde_json::Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key.as_ref()).is_some_and(|b| same(a, b)))
        }
        _ => false,
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            proptest::collection::hash_map(any::<String>(), inner, 0..24)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_json_reads_the_same_as_with_serde(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let ours = parse(&text).unwrap();
        prop_assert!(same(&ours, &serde_json::from_str(&text).unwrap()), "{text}");
    }

    #[test]
    fn nearly_json_is_accepted_and_refused_like_serde(text in r#"[\[\]{}",:0-9eE.\-+truefalsn\\u \n]{0,24}"#) {
        let ours = parse(&text);
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(theirs) => prop_assert!(ours.is_ok_and(|ours| same(&ours, &theirs)), "{text}"),
            Err(fault) if fault.to_string().contains("out of range") => {}
            Err(_) => prop_assert!(ours.is_err(), "{text}"),
        }
    }

    #[test]
    fn a_text_cut_anywhere_is_incomplete(value in any_json(), cut in any::<prop::sample::Index>()) {
        let text = serde_json::to_string(&serde_json::json!({ "a": value })).unwrap();
        let mut end = cut.index(text.len()).max(1);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        prop_assert_eq!(parse(&text[..end]), Err(Fault::Incomplete(end - 1)));
    }
}

#[test]
fn bare_nan_and_inf_void_nothing() {
    let value = parse(r#"{"a":nan,"b":-Infinity,"c":[NaN,-nan,inf],"d":1}"#).unwrap();
    assert_eq!(value.get("a"), Some(&Json::Nan));
    assert_eq!(value.get("b"), Some(&Json::Infinite));
    assert_eq!(value.get("c").unwrap().list().unwrap().len(), 3);
    assert_eq!(value.get("d"), Some(&Json::Number("1")));
    for bad in ["-null", "nano", "NULL", "[nan,]", "{\"a\":infinit}"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn of_equal_keys_the_last_one_stays() {
    assert_eq!(parse(r#"{"a":1,"b":2,"a":3}"#).unwrap().get("a"), Some(&Json::Number("3")));
    let many: Vec<String> = (0..40).map(|n| format!("\"k{}\":{n}", n % 20)).collect();
    let text = format!("{{{}}}", many.join(","));
    let value = parse(&text).unwrap();
    assert_eq!(value.object().unwrap().len(), 20);
    assert_eq!(value.get("k3"), Some(&Json::Number("23")));
}

#[test]
fn depth_and_number_of_values_are_limited() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(DEPTH_MAX)).is_ok());
    assert_eq!(parse(&nested(DEPTH_MAX + 1)), Err(Fault::TooDeep));
    assert_eq!(parse(&"[".repeat(1_000_000)), Err(Fault::TooDeep));
    assert_eq!(parse(&format!("[{}1]", "1,".repeat(500_000))), Err(Fault::TooMany));
}

#[test]
fn half_a_surrogate_pair_is_invalid() {
    assert!(matches!(parse(r#""\ud800""#), Err(Fault::Invalid(_))));
    assert!(matches!(parse(r#""\ud800A""#), Err(Fault::Invalid(_))));
    assert_eq!(parse(r#""\ud83d\ude00""#).unwrap().text(), Some("😀"));
}
