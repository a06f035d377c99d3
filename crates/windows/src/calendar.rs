//! Local days, weeks and months as edges in UTC.

use jiff::civil::{Date, Time, date};
use jiff::{Timestamp as Instant, ToSpan};
use model::{TimeRange, Timestamp};

use crate::Zone;

/// A step that a calendar makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarStep {
    /// From midnight to midnight: 23, 24 or 25 hours, rarely something else.
    Day,
    /// From Monday to Monday, as ISO 8601 has it.
    Week,
    /// From the first of a month to the first of the next.
    Month,
}

impl CalendarStep {
    /// Every step.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// The word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The step of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == word)
    }

    /// The first date of the step that `of` lies in.
    fn first(self, of: Date) -> Option<Date> {
        match self {
            Self::Day => Some(of),
            Self::Week => of.checked_sub(i64::from(of.weekday().to_monday_zero_offset()).days()).ok(),
            Self::Month => Some(of.first_of_month()),
        }
    }

    fn next(self, of: Date) -> Option<Date> {
        let span = match self {
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
        };
        of.checked_add(span).ok()
    }
}

/// When a local date begins: at midnight, or at the first moment behind it where the clock skips midnight; the earlier
/// one of two midnights. None outside what can be computed, some hours off the years 1 to 9999.
fn begin_ms(of: Date, zone: &Zone) -> Option<i64> {
    Some(zone.rules().to_timestamp(of.to_datetime(Time::midnight())).ok()?.as_millisecond())
}

/// The edges of the windows that touch `range`, strictly ascending: a date that the zone skipped has no window.
pub(crate) fn edges(range: TimeRange, step: CalendarStep, zone: &Zone, windows_max: usize) -> Vec<i64> {
    if range.is_empty() {
        return Vec::new();
    }
    let (from_ms, to_ms) = (range.from.millis(), range.to.millis());
    let local = Instant::from_millisecond(from_ms).map(|instant| zone.rules().to_datetime(instant).date());
    let local = local.unwrap_or(date(9999, 12, 31));
    // One step earlier, because a clock that is put back over midnight makes an hour of yesterday lie behind today's first.
    let earlier = local.checked_sub(1.day()).ok().and_then(|earlier| step.first(earlier));
    let mut next = Some(earlier.or_else(|| step.first(local)).unwrap_or(local));
    let mut edges = Vec::new();
    loop {
        let begin = next.and_then(|of| begin_ms(of, zone));
        // The last days of 9999 have no midnight behind them that could be computed.
        let edge = begin.unwrap_or(Timestamp::MAX.millis() + 1);
        if edge <= from_ms {
            edges.clear();
        } else if edges.is_empty() {
            // Only where the first midnight cannot be computed: year 1.
            edges.push(Timestamp::MIN.millis().min(from_ms));
        }
        if edges.last().is_none_or(|last| *last < edge) {
            edges.push(edge);
        }
        if (edge >= to_ms && edges.len() > 1) || edges.len() > windows_max || begin.is_none() {
            return edges;
        }
        next = next.and_then(|of| step.next(of));
    }
}
