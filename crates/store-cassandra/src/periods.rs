//! Every length of time of hot rows and frames, in one place: they only work together.
//!
//! A row lives for [`Periods::rows_s`], a touch [`Periods::touches_s`], a little longer than the rows that it speaks of. A day has to
//! be compacted before its rows expire: at half of their life somebody is told, at three quarters they are written once more.

use std::time::Duration;

/// Seconds of an hour.
const HOUR_S: i32 = 3_600;

/// See the module. Tests make them short.
#[derive(Clone, Copy, Debug)]
pub struct Periods {
    /// How long a row lives after it was written; the table's default, see the schema.
    pub rows_s: i32,
    /// How long a touch lives: longer than its rows, by more than the hour that it may be older.
    pub touches_s: i32,
    /// Hours behind its end that a day is closed.
    pub closed_h: i32,
    /// Hours without a touch after which a day is compacted. More than a touch may be older than its rows, or it would stay dirty.
    pub quiet_h: i32,
    /// Hours after which a day that is never quiet is compacted all the same.
    pub overdue_h: i32,
    /// Between two looks at all touches.
    pub pass: Duration,
    /// A compaction that takes longer is given up before it takes effect.
    pub compaction_max: Duration,
    /// How long is remembered that a day has nothing left: longer than anybody's touches, rows or compaction.
    pub emptied_s: i32,
    /// Between two looks for days that nobody keeps any longer.
    pub retention: Duration,
}

impl Default for Periods {
    fn default() -> Self {
        Self {
            rows_s: 14 * 24 * HOUR_S,
            touches_s: (14 * 24 + 3) * HOUR_S,
            closed_h: 1,
            quiet_h: 3,
            overdue_h: 24,
            pass: Duration::from_secs(600),
            compaction_max: Duration::from_secs(900),
            emptied_s: 60 * 24 * HOUR_S,
            retention: Duration::from_secs(6 * 3_600),
        }
    }
}
