//! Values with a label before them: `Temp: 23.5 C`, `H=61`.

/// Longest label in bytes. Longer: it is none.
const LABEL_BYTES_MAX: usize = 40;

/// The label and what stands behind it, both without quotes.
pub(super) fn split<'t>(text: &'t str) -> Option<(&'t str, &'t str)> {
    let (label, value) = text.split_once([':', '='])?;
    let bare = |text: &'t str| text.trim().trim_matches(['"', '\'']).trim();
    let label = bare(label);
    let words = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.');
    (label.len() <= LABEL_BYTES_MAX && label.starts_with(char::is_alphabetic) && label.chars().all(words))
        .then_some((label, bare(value)))
}
