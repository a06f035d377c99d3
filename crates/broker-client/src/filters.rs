//! A set of filters without overlaps, so that a broker has no reason to send a message twice.

use model::TopicFilter;

/// The filters to subscribe to: every topic of `wanted` is matched by exactly one of them. Where two overlap without one
/// covering the other, the narrowest filter above both stands for them, and what it brings beyond is sorted out locally.
pub fn disjoint(wanted: &[TopicFilter]) -> Vec<TopicFilter> {
    let mut apart: Vec<String> = Vec::new();
    for filter in wanted {
        let mut next = filter.as_str().to_owned();
        while let Some(at) = apart.iter().position(|other| meet(other, &next)) {
            next = above(&apart.swap_remove(at), &next);
        }
        apart.push(next);
    }
    apart.sort();
    apart.iter().filter_map(|text| TopicFilter::parse(text).ok()).collect()
}

/// Whether a topic may match both.
fn meet(a: &str, b: &str) -> bool {
    let wild = |text: &str| text.starts_with(['+', '#']);
    if (a.starts_with('$') && wild(b)) || (b.starts_with('$') && wild(a)) {
        return false;
    }
    let (mut a, mut b) = (a.split('/'), b.split('/'));
    loop {
        match (a.next(), b.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(one), Some(other)) if one == other => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

/// The narrowest filter that matches whatever one of them matches.
fn above(a: &str, b: &str) -> String {
    let (mut a, mut b) = (a.split('/'), b.split('/'));
    let mut levels = Vec::new();
    loop {
        match (a.next(), b.next()) {
            (None, None) => break,
            (Some("#"), _) | (_, Some("#")) | (None, Some(_)) | (Some(_), None) => {
                levels.push("#");
                break;
            }
            (Some(one), Some(other)) => levels.push(if one == other { one } else { "+" }),
        }
    }
    levels.join("/")
}

#[cfg(test)]
mod tests {
    use model::Topic;
    use proptest::prelude::*;

    use super::*;

    fn parsed(texts: &[String]) -> Vec<TopicFilter> {
        texts.iter().filter_map(|text| TopicFilter::parse(text).ok()).collect()
    }

    #[test]
    fn a_filter_that_another_covers_is_left_out() {
        let wanted = parsed(&["a/#".into(), "a/b/c".into(), "b/+".into(), "a".into()]);
        let texts: Vec<String> = disjoint(&wanted).iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["a/#", "b/+"]);
    }

    proptest! {
        #[test]
        fn every_wanted_topic_is_matched_exactly_once(
            filters in prop::collection::vec("(\\$s|a|b|\\+)(/(a|b|\\+)){0,2}(/#)?", 1..6),
            topics in prop::collection::vec("(\\$s|a|b)(/(a|b)){0,3}", 1..20),
        ) {
            let wanted = parsed(&filters);
            let apart = disjoint(&wanted);
            for topic in topics.iter().filter_map(|text| Topic::parse(text).ok()) {
                let times = apart.iter().filter(|filter| filter.matches(&topic)).count();
                prop_assert!(times <= 1, "{topic} is matched {times} times by {apart:?}");
                if wanted.iter().any(|filter| filter.matches(&topic)) {
                    prop_assert_eq!(times, 1, "{} is lost by {:?}", topic, apart);
                }
            }
        }
    }
}
