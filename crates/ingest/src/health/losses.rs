//! Messages that a device numbered and that never came, and how often it started anew: from the counters that it sends, a
//! sequence number, a count of its starts, and how long it has been up. Pure.

/// A step forward beyond this is another way of counting and no loss.
const STEP_MAX: u64 = 100_000;
/// So far back a number can be told apart as late or as a repeat.
const REMEMBERED: u64 = 64;
/// Where counters begin again at 0 by themselves.
const WRAPS: [u64; 3] = [1 << 8, 1 << 16, 1 << 32];
/// A count of starts that stays behind for so many messages has been reset; before that the messages are late ones.
const BEHIND_MAX: u8 = 8;
/// `millis()` of 32 bits begins again after so many seconds.
const UPTIME_WRAP_S: f64 = 4_294_967.0;
const DAY_S: f64 = 86_400.0;
/// Most starts that one step of the count adds; a greater step says that the count is no count of starts.
const STARTS_MAX: u64 = 1_000;

/// What one message says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counters {
    pub(crate) sequence: Option<u64>,
    pub(crate) starts: Option<u64>,
    pub(crate) uptime_s: Option<f64>,
}

impl Counters {
    /// Takes a value if its metric is one of the counters.
    pub(crate) fn note(&mut self, metric: &str, number: f64) {
        match metric {
            "sequence" => self.sequence = whole(number),
            "boot_count" => self.starts = whole(number),
            "uptime" => self.uptime_s = Some(number).filter(|seconds| *seconds >= 0.0),
            _ => {}
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn whole(number: f64) -> Option<u64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number in range")]
    let whole = number as u64;
    ((0.0..=EXACT_MAX).contains(&number) && number.fract() == 0.0).then_some(whole)
}

/// What a message was among those of its device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The device started anew before it.
    pub(crate) restarted: bool,
    /// A message of that number came before.
    pub(crate) again: bool,
}

/// The counts of one device since the server started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses {
    run: Option<Run>,
    starts: Option<u64>,
    behind: u8,
    uptime_s: Option<f64>,
    told: bool,
    came: u64,
    missing: u64,
    restarts: u64,
}

/// Numbers since the device started.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    newest: u64,
    /// Bit i: the number i before the newest came.
    came: u64,
    /// Where the count was seen to begin again.
    wrap: Option<u64>,
}

impl Run {
    fn at(number: u64) -> Self {
        Self { first: number, newest: number, came: 1, wrap: None }
    }
}

/// Whether a message is of the run that is known.
enum Belongs {
    /// Nothing in it says otherwise; true if something in it says so.
    Here(bool),
    /// The device started so many times since.
    Later(u64),
    /// It was on its way for longer than the device's last start.
    Earlier,
}

impl Losses {
    /// Goes on from the newest counters that the store has: what is lost while the server is down is lost as well.
    pub(crate) fn resume(&mut self, counters: Counters) {
        if !self.told {
            self.run = counters.sequence.map(Run::at);
            (self.starts, self.uptime_s) = (counters.starts, counters.uptime_s);
        }
    }

    /// A message came.
    pub(crate) fn note(&mut self, counters: Counters) -> Place {
        if counters.is_empty() {
            return Place::default();
        }
        self.told = true;
        let sure = match self.belongs(counters) {
            Belongs::Earlier => return Place::default(),
            Belongs::Here(sure) => sure,
            Belongs::Later(starts) => {
                self.restarts += starts;
                self.run = None;
                self.uptime_s = counters.uptime_s;
                let again = counters.sequence.is_some_and(|number| self.count(number, true).again);
                return Place { restarted: true, again };
            }
        };
        if let Some(up) = counters.uptime_s {
            let wrapped = self.uptime_s.is_some_and(|before| wraps(before, up));
            self.uptime_s = if wrapped { Some(up) } else { self.uptime_s.max_of(up) };
        }
        self.starts = counters.starts.or(self.starts);
        counters.sequence.map_or_else(Place::default, |number| self.count(number, sure))
    }

    fn belongs(&mut self, counters: Counters) -> Belongs {
        if let (Some(known), Some(told)) = (self.starts, counters.starts) {
            self.behind = if told < known { self.behind + 1 } else { 0 };
            return match told.checked_sub(known) {
                Some(0) => Belongs::Here(true),
                None if self.behind < BEHIND_MAX => Belongs::Earlier,
                more => {
                    self.behind = 0;
                    self.starts = Some(told);
                    Belongs::Later(more.filter(|more| *more <= STARTS_MAX).unwrap_or(1))
                }
            };
        }
        match (self.uptime_s, counters.uptime_s) {
            // A late message was sent a little before; a start begins again near 0.
            (Some(before), Some(up)) if up < before / 2.0 && !wraps(before, up) => Belongs::Later(1),
            (Some(_), Some(_)) => Belongs::Here(true),
            (_, None) | (None, _) => Belongs::Here(false),
        }
    }

    /// Counts a number. Without anything else that tells a start, a number that goes back far, or to the beginning, does.
    fn count(&mut self, number: u64, sure: bool) -> Place {
        let Some(run) = &mut self.run else {
            self.run = Some(Run::at(number));
            self.came += 1;
            return Place::default();
        };
        // How far it went round. A counter of that width never holds the width itself.
        let over = |wrap: u64| wrap.checked_sub(run.newest).filter(|left| *left > 0).map(|left| left + number);
        let wrapped = WRAPS.into_iter().find(|wrap| {
            number < run.newest && over(*wrap).is_some_and(|step| step <= REMEMBERED) && *wrap > REMEMBERED
        });
        if let Some(wrap) = wrapped {
            let step = over(wrap).unwrap_or(1);
            (run.first, run.wrap) = (0, Some(wrap));
            self.go_on(number, step);
            return Place::default();
        }
        if number > run.newest {
            let step = number - run.newest;
            let before_wrap = run.wrap.filter(|wrap| step > wrap / 2);
            let before_wrap = before_wrap.and_then(|wrap| (run.newest + wrap).checked_sub(number));
            if let Some(back) = before_wrap {
                return if back < REMEMBERED { self.late(number, back) } else { Place::default() };
            }
            if step > STEP_MAX {
                self.run = Some(Run::at(number));
                self.came += 1;
            } else {
                self.go_on(number, step);
            }
            return Place::default();
        }
        let back = run.newest - number;
        let begins = !sure && number <= 1 && back >= 2;
        if begins || (back >= REMEMBERED && !sure) {
            self.run = Some(Run::at(number));
            self.came += 1;
            self.restarts += 1;
            return Place { restarted: true, again: false };
        }
        if back >= REMEMBERED {
            return Place::default();
        }
        self.late(number, back)
    }

    fn go_on(&mut self, number: u64, step: u64) {
        self.came += 1;
        self.missing += step.saturating_sub(1);
        if let Some(run) = &mut self.run {
            run.came = if step < REMEMBERED { (run.came << step) | 1 } else { 1 };
            run.newest = number;
        }
    }

    fn late(&mut self, number: u64, back: u64) -> Place {
        let Some(run) = &mut self.run else { return Place::default() };
        if run.came & (1 << back) != 0 {
            return Place { restarted: false, again: true };
        }
        run.came |= 1 << back;
        self.came += 1;
        if number < run.first {
            self.missing += (run.first - number).saturating_sub(1);
            run.first = number;
        } else {
            self.missing = self.missing.saturating_sub(1);
        }
        Place::default()
    }

    /// Numbered messages that should have come, of those how many did not, and starts; none where no message says anything.
    pub(crate) fn counts(&self) -> Option<(u64, u64, u64)> {
        self.told.then_some((self.came + self.missing, self.missing, self.restarts))
    }

    /// Whether messages are numbered.
    pub(crate) fn numbered(&self) -> bool {
        self.run.is_some()
    }
}

fn wraps(before: f64, up: f64) -> bool {
    before > UPTIME_WRAP_S - DAY_S && up < DAY_S
}

trait MaxOf {
    fn max_of(self, other: f64) -> Option<f64>;
}

impl MaxOf for Option<f64> {
    fn max_of(self, other: f64) -> Option<f64> {
        Some(self.map_or(other, |own| own.max(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(numbers: impl IntoIterator<Item = u64>) -> Losses {
        let mut losses = Losses::default();
        for number in numbers {
            losses.note(Counters { sequence: Some(number), ..Counters::default() });
        }
        losses
    }

    #[test]
    fn what_is_left_out_is_missing_and_what_comes_late_is_not() {
        assert_eq!(heard(0..100).counts(), Some((100, 0, 0)));
        assert_eq!(heard((0..100).filter(|number| number % 10 != 5)).counts(), Some((100, 10, 0)));
        assert_eq!(heard([7, 8, 10, 9, 11]).counts(), Some((5, 0, 0)));
        assert_eq!(heard([7, 6, 8]).counts(), Some((3, 0, 0)), "the first that came need not be the first sent");
        assert_eq!(heard([7, 4, 8]).counts(), Some((5, 2, 0)));
    }

    #[test]
    fn no_two_numbers_at_the_edges_of_counters_are_too_much() {
        let near = |edge: u64| [edge.saturating_sub(1), edge, edge + 1];
        let edges: Vec<u64> = WRAPS.into_iter().chain([1, REMEMBERED, STEP_MAX, 1 << 53]).flat_map(near).collect();
        for (a, b) in edges.iter().flat_map(|a| edges.iter().map(move |b| (*a, *b))) {
            for third in [0, 1, a, b] {
                assert!(heard([a, b, third]).counts().is_some(), "{a} {b} {third}");
            }
        }
        assert_eq!(heard([256, 0, 1]).counts(), Some((3, 0, 1)), "a start, at exactly the width of a counter");
    }

    #[test]
    fn a_number_that_came_before_is_told() {
        let mut losses = heard([1, 2, 3]);
        let place = losses.note(Counters { sequence: Some(3), ..Counters::default() });
        assert_eq!(place, Place { restarted: false, again: true });
        assert_eq!(losses.counts(), Some((3, 0, 0)));
    }

    #[test]
    fn counters_that_begin_again_by_themselves_lose_nothing() {
        assert_eq!(heard((0..1000).map(|number| number % 256)).counts(), Some((1000, 0, 0)));
        assert_eq!(heard([65_534, 65_535, 0, 2]).counts(), Some((5, 1, 0)));
        assert_eq!(heard([250, 254, 1, 255, 2]).counts(), Some((9, 4, 0)), "late and from before");
    }

    #[test]
    fn a_start_is_told_by_its_count_by_the_time_up_and_else_by_the_number() {
        assert_eq!(heard([500, 501, 1, 2]).counts(), Some((4, 0, 1)));
        assert_eq!(heard([5, 6, 7, 0, 1]).counts(), Some((5, 0, 1)));
        let mut losses = Losses::default();
        for (starts, number) in [(4, 10), (4, 11), (6, 0), (4, 12), (6, 1)] {
            losses.note(Counters { sequence: Some(number), starts: Some(starts), uptime_s: None });
        }
        assert_eq!(losses.counts(), Some((4, 0, 2)), "a message of an earlier run counts nowhere");
        let mut losses = Losses::default();
        for up in [10.0, 20.0, 18.0, 30.0, 2.0, 12.0] {
            losses.note(Counters { uptime_s: Some(up), ..Counters::default() });
        }
        assert_eq!(losses.counts(), Some((0, 0, 1)));
    }

    #[test]
    fn the_wrap_of_a_clock_of_32_bits_is_no_start() {
        let mut losses = Losses::default();
        for up in [4_294_960.0, 3.0, 13.0] {
            losses.note(Counters { uptime_s: Some(up), ..Counters::default() });
        }
        assert_eq!(losses.counts(), Some((0, 0, 0)));
    }

    #[test]
    fn a_count_of_starts_that_was_reset_is_taken_on() {
        let mut losses = Losses::default();
        for number in 0..20 {
            let starts = if number < 5 { 40 } else { 1 };
            losses.note(Counters { sequence: Some(number), starts: Some(starts), uptime_s: None });
        }
        let (_, _, restarts) = losses.counts().unwrap();
        assert_eq!(restarts, 1);
    }

    #[test]
    fn what_is_lost_while_the_server_is_down_is_lost() {
        let mut losses = Losses::default();
        losses.resume(Counters { sequence: Some(10), ..Counters::default() });
        assert_eq!(losses.counts(), None);
        losses.note(Counters { sequence: Some(14), ..Counters::default() });
        assert_eq!(losses.counts(), Some((4, 3, 0)));
    }
}
