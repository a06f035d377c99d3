//! Why values are refused, in words.

use decode::VALUES_MAX;
use model::RejectReason;

/// `44 of its 300 values were refused: …`, where `stored` of them were not; nothing where none was.
pub fn refused_in_words(refused: &[(RejectReason, u32)], stored: u32) -> Option<String> {
    let all = refused.iter().fold(stored, |sum, (_, count)| sum.saturating_add(*count));
    let each = refused.iter().map(|(reason, count)| {
        let were = if *count == 1 { "was" } else { "were" };
        format!("{count} of its {all} values {were} refused: {} ({})", why(*reason), reason.as_str())
    });
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| each.join("; "))
}

fn why(reason: RejectReason) -> String {
    match reason {
        RejectReason::Precision => "an integer beyond 2^53 cannot be kept exactly".to_owned(),
        RejectReason::Cardinality => "there are as many new devices or metrics as the limits allow".to_owned(),
        RejectReason::Limit => format!("one message may bring {VALUES_MAX} values, and a text is of limited length"),
        RejectReason::Name => "its name can be neither that of a device nor that of a metric".to_owned(),
        RejectReason::Time => "its time is none that can be written".to_owned(),
        RejectReason::Ignored => "its sender is ignored".to_owned(),
        RejectReason::RetainedStale => "a broker sent it again and it is not newer than what is there".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_numbers_are_told() {
        assert_eq!(refused_in_words(&[], 5), None);
        let told = refused_in_words(&[(RejectReason::Limit, 44), (RejectReason::Precision, 1)], 255).unwrap();
        assert!(told.starts_with("44 of its 300 values were refused: one message may bring 256 values"), "{told}");
        assert!(told.contains("; 1 of its 300 values was refused: an integer"), "{told}");
    }
}
