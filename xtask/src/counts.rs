//! How many passed and failed, read from what the test runners print.
//!
//! Three runners are understood: Rust's (`test result: ok. 3 passed; 0 failed; …`), Vitest's (`Tests  2 failed | 5 passed
//! (7)`) and Node's (`# pass 5`, `ℹ fail 0`). A line that is none of them counts nothing.

/// What a runner reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
}

impl Counts {
    /// Adds what `line` reports.
    pub fn read(&mut self, line: &str) {
        let plain = without_colour(line);
        let line = plain.trim();
        if let Some(rest) = line.strip_prefix("test result:") {
            self.add(number_before(rest, "passed"), number_before(rest, "failed"));
        } else if let Some(rest) = line.strip_prefix("Tests ") {
            self.add(number_before(rest, "passed"), number_before(rest, "failed"));
        } else if let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
            self.add(number_after(rest, "pass "), number_after(rest, "fail "));
        }
    }

    /// Both sums.
    pub fn add(&mut self, passed: u64, failed: u64) {
        self.passed += passed;
        self.failed += failed;
    }
}

fn number_before(text: &str, word: &str) -> u64 {
    let Some((before, _)) = text.split_once(word) else { return 0 };
    before.split_whitespace().next_back().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn number_after(text: &str, word: &str) -> u64 {
    text.strip_prefix(word).and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// The line without terminal colours (`ESC [ … letter`).
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(letter) = rest.next() {
        if letter == '\u{1b}' {
            let _code = rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(letter);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> (u64, u64) {
        let mut counts = Counts::default();
        text.lines().for_each(|line| counts.read(line));
        (counts.passed, counts.failed)
    }

    #[test]
    fn rust_results_of_several_binaries_add_up() {
        let text = "running 3 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 11 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s\n";
        assert_eq!(counts(text), (14, 2));
    }

    #[test]
    fn vitest_counts_tests_and_not_files() {
        assert_eq!(counts(" Test Files  1 failed | 3 passed (4)\n      Tests  2 failed | 40 passed (42)\n"), (40, 2));
        assert_eq!(counts("\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m84 passed\u{1b}[39m (84)"), (84, 0));
    }

    #[test]
    fn node_counts_in_both_of_its_forms() {
        assert_eq!(counts("# tests 7\n# pass 6\n# fail 1\n# cancelled 0\n"), (6, 1));
        assert_eq!(counts("ℹ tests 7\nℹ pass 7\nℹ fail 0\n"), (7, 0));
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(counts("12 passed, 3 failed\n# passage 4\n\nTests\n"), (0, 0));
    }
}
