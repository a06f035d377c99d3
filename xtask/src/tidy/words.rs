//! Words that the glossary replaced, found in text and inside names (`TimeBucket`, `sample_count`).
//!
//! The glossary and the checks themselves name them on purpose. Where a word belongs to somebody else (a field of another
//! product's format), the place is listed in [`THEIRS`] with its reason.

use super::Finding;
use super::files::TextFile;

/// The word, and ours. Two words are found side by side.
const BANNED: &[(&str, &str)] = &[
    ("bucket", "window"),
    ("buckets", "windows"),
    ("sample", "reading"),
    ("samples", "readings"),
    ("rollup", "window"),
    ("rollups", "windows"),
    ("entity", "device or record"),
    ("entities", "devices or records"),
    ("feed", "source"),
    ("feeds", "sources"),
    ("data point", "reading"),
    ("data points", "readings"),
    ("datapoint", "reading"),
    ("datapoints", "readings"),
];

/// Files that quote the words because they are about them.
const ABOUT_WORDS: &[&str] = &["docs/glossary.md", "ui/src/i18n/words.test.ts"];

/// Part of a path, a phrase that stays as its owner wrote it, and why.
const THEIRS: &[(&str, &str, &str)] = &[
    ("", "samples.jsonl", "the name of the file of real firmware messages"),
    ("crates/decode/tests/samples.rs", "sample", "a message of that file"),
    ("crates/decode/tests/samples.rs", "Sample", "a message of that file"),
    ("", "line feed", "the control character"),
    ("crates/decode/", "feed", "Adafruit's topics are called so"),
    ("crates/simulator/src/profiles/", "feed", "Adafruit's topics are called so"),
    (".rs", "sample::", "proptest's module of choices"),
    (".rs", "UNPROCESSABLE_ENTITY", "the name of HTTP status 422"),
    (".rs", "entity_category", "the key of a Home Assistant announcement"),
];

const ENDINGS: &[&str] = &["rs", "ts", "tsx", "mjs", "html", "md", "json"];

/// Every banned word of the file, with its line.
pub fn check(file: &TextFile) -> Vec<Finding> {
    let read = file.has_ending(ENDINGS)
        && !file.is_generated()
        && !file.is_a_check()
        && !ABOUT_WORDS.contains(&file.path.as_str());
    if !read {
        return Vec::new();
    }
    let lines = file.text.lines().enumerate();
    lines.flat_map(|(index, line)| in_line(&file.path, index + 1, line)).collect()
}

fn in_line(path: &str, number: usize, line: &str) -> Vec<Finding> {
    let mut line = line.to_owned();
    for (part, phrase, _) in THEIRS {
        if path.contains(part) {
            line = line.replace(phrase, "");
        }
    }
    let words = words(&line);
    let mut findings = Vec::new();
    for (banned, ours) in BANNED {
        let sought: Vec<&str> = banned.split(' ').collect();
        if words.windows(sought.len()).any(|words| words == sought) {
            findings.push(Finding(format!("{path}:{number}: `{banned}` is not a word of ours; say {ours}.")));
        }
    }
    findings
}

/// The words of a line in lower case; a name counts as the words it is made of.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for letter in line.chars() {
        if letter.is_alphabetic() {
            let begins = !before.is_alphabetic() || (letter.is_uppercase() && before.is_lowercase());
            if begins {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(letter.to_lowercase());
            }
        }
        before = letter;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_words_it_is_made_of() {
        assert_eq!(words("let timeBucket = SAMPLE_COUNT2;"), ["let", "time", "bucket", "sample", "count"]);
        assert_eq!(words(""), Vec::<String>::new());
    }

    #[test]
    fn a_word_inside_a_word_is_another_word() {
        assert!(in_line("a.rs", 1, "feedback, resampled, entityless, bucketing").is_empty());
    }

    #[test]
    fn what_belongs_to_others_stays() {
        assert!(in_line("README.md", 1, "The messages of `samples.jsonl` end with a line feed.").is_empty());
        assert_eq!(in_line("README.md", 1, "The samples of `samples.jsonl`.").len(), 1);
    }
}
