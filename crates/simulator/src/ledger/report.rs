//! What a run of the ledger found, for a person and for an exit code.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Examples that are kept of each fault; more are counted only.
pub const EXAMPLES_MAX: usize = 3;

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Acknowledged and not there.
    Lost,
    /// There more often than once.
    Doubled,
    /// There and never sent.
    Invented,
    /// There with another value.
    Altered,
    /// Half of a message's readings there.
    Torn,
    /// There at one look and not at another, although nothing was sent in between.
    Changed,
    /// Books that do not add up, or that disagree with the readings.
    Unbalanced,
    /// PUBACKs out of order.
    Disordered,
    /// A connection that the server broke without being killed.
    Broken,
}

impl Fault {
    fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::Invented => "invented",
            Self::Altered => "altered",
            Self::Torn => "torn",
            Self::Changed => "changed",
            Self::Unbalanced => "unbalanced",
            Self::Disordered => "out of order",
            Self::Broken => "broken connections",
        }
    }

    /// Whether each look at the store counts it anew; the others add up over the run.
    fn is_of_one_look(self) -> bool {
        matches!(self, Self::Lost | Self::Doubled | Self::Invented | Self::Altered | Self::Torn)
    }
}

/// What is known so far. Counts of messages are those of the last look, which looked at all of them.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Reproduces what was sent and when the server was killed.
    pub seed: u64,
    /// Rounds done.
    pub rounds: u32,
    /// How often the server was killed.
    pub kills: u32,
    /// Messages with a PUBACK.
    pub acknowledged: u64,
    /// Those of them that are there.
    pub found: u64,
    /// Messages without a PUBACK that are there all the same.
    pub unknown_kept: u64,
    /// Messages without a PUBACK that are not there.
    pub unknown_gone: u64,
    /// Publishes recognised as repeats, by the books.
    pub duplicates: u64,
    /// How long it took.
    pub took: Duration,
    faults: BTreeMap<Fault, (u64, Vec<String>)>,
    kept: BTreeMap<Fault, (u64, Vec<String>)>,
}

impl Report {
    pub(super) fn of(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Whether nothing was wrong at any look.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.kept.is_empty()
    }

    /// How often a fault was found, in the last look or, for what adds up, in the whole run.
    #[must_use]
    pub fn count(&self, fault: Fault) -> u64 {
        let found = |map: &BTreeMap<Fault, (u64, Vec<String>)>| map.get(&fault).map_or(0, |(count, _)| *count);
        found(&self.faults).max(found(&self.kept))
    }

    pub(super) fn fault(&mut self, fault: Fault, example: impl FnOnce() -> String) {
        self.faults(fault, 1, example);
    }

    pub(super) fn faults(&mut self, fault: Fault, times: u64, example: impl FnOnce() -> String) {
        let (count, examples) = self.faults.entry(fault).or_default();
        *count += times;
        if examples.len() < EXAMPLES_MAX {
            examples.push(example());
        }
    }

    /// Before a new look at everything. A fault once found is never forgotten, only not counted twice.
    pub(super) fn clear_counts(&mut self) {
        (self.acknowledged, self.found, self.unknown_kept, self.unknown_gone) = (0, 0, 0, 0);
        let (one_look, adding_up): (BTreeMap<_, _>, _) =
            std::mem::take(&mut self.faults).into_iter().partition(|(fault, _)| fault.is_of_one_look());
        self.faults = adding_up;
        for (fault, (count, examples)) in one_look {
            let worst = self.kept.entry(fault).or_default();
            if count > worst.0 {
                *worst = (count, examples);
            }
        }
    }

    pub(super) fn judge(&mut self, acked: bool, seen: Option<bool>, copies: usize, place: impl Fn() -> String) {
        let there = copies > 0;
        let count = match (acked, there) {
            (true, true) => &mut self.found,
            (false, true) => &mut self.unknown_kept,
            (false, false) => &mut self.unknown_gone,
            (true, false) => {
                self.fault(Fault::Lost, &place);
                self.acknowledged += 1;
                return;
            }
        };
        *count += 1;
        self.acknowledged += u64::from(acked);
        if copies > 1 {
            self.fault(Fault::Doubled, || format!("{}, {copies} times", place()));
        }
        if !acked && seen.is_some_and(|seen| seen != there) {
            self.fault(Fault::Changed, || format!("{}, now {}", place(), if there { "there" } else { "gone" }));
        }
    }
}

/// `48211` as `48,211`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} acknowledged, {} found, {} lost, {} doubled, {} invented",
            grouped(self.acknowledged),
            grouped(self.found),
            grouped(self.count(Fault::Lost)),
            grouped(self.count(Fault::Doubled)),
            grouped(self.count(Fault::Invented)),
        )?;
        writeln!(
            f,
            "never acknowledged: {} there, {} not, {} changed; {} repeats recognised; books {}",
            grouped(self.unknown_kept),
            grouped(self.unknown_gone),
            grouped(self.count(Fault::Changed)),
            grouped(self.duplicates),
            if self.count(Fault::Unbalanced) == 0 { "balance" } else { "DO NOT BALANCE" },
        )?;
        write!(
            f,
            "seed {}, {} rounds, killed {} times, {:.1} s",
            self.seed,
            self.rounds,
            self.kills,
            self.took.as_secs_f64()
        )?;
        let mut worst = self.kept.clone();
        for (fault, found) in &self.faults {
            let known = worst.entry(*fault).or_default();
            if found.0 >= known.0 {
                *known = found.clone();
            }
        }
        for (fault, (count, examples)) in &worst {
            write!(f, "\n{} {}:", grouped(*count), fault.word())?;
            for example in examples {
                write!(f, "\n    {example}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_an_earlier_look_is_never_forgotten() {
        let mut report = Report::default();
        report.judge(true, None, 0, || String::from("here"));
        assert_eq!((report.acknowledged, report.found, report.count(Fault::Lost)), (1, 0, 1));
        report.clear_counts();
        report.judge(true, Some(false), 1, || String::from("here"));
        assert_eq!((report.acknowledged, report.found, report.count(Fault::Lost)), (1, 1, 1));
        assert!(!report.is_clean());
    }

    #[test]
    fn what_was_never_acknowledged_may_be_either_but_must_stay_so() {
        let mut report = Report::default();
        report.judge(false, None, 1, || String::from("a"));
        report.judge(false, None, 0, || String::from("b"));
        report.judge(false, Some(true), 1, || String::from("a"));
        assert!(report.is_clean());
        report.judge(false, Some(true), 0, || String::from("a"));
        assert_eq!(report.count(Fault::Changed), 1);
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1_000, 1_234_567].map(grouped)[..]);
    }
}
