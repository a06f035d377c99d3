//! Whether the server's clock may decide what is too old.

use model::Timestamp;

/// Nothing was built before this: a clock that reads less is wrong (2026-01-01).
const BUILT_AFTER_MS: i64 = 1_767_225_600_000;
/// A clock further than a day from the server time that was kept last has jumped, until a person says that it is right.
pub const JUMP_MS: i64 = 24 * 60 * 60 * 1000;

/// What is thought of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockState {
    /// It may decide.
    Trusted,
    /// It is more than a day away from the server time kept last, which is told. A server that was off for so long cannot be
    /// told from a wrong clock.
    Jumped {
        /// The server time kept last.
        kept: Timestamp,
    },
    /// It reads a time before this program was built.
    Untrusted,
}

impl ClockState {
    /// Judges `now` by the server time that was kept last, if there is one.
    #[must_use]
    pub fn judge(kept: Option<Timestamp>, now: Timestamp) -> Self {
        if now.millis() < BUILT_AFTER_MS {
            return Self::Untrusted;
        }
        match kept {
            Some(kept) if now.millis().abs_diff(kept.millis()) > JUMP_MS.unsigned_abs() => Self::Jumped { kept },
            Some(_) | None => Self::Trusted,
        }
    }

    /// The word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Jumped { .. } => "jumped",
            Self::Untrusted => "untrusted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_no_jump_and_more_is_in_both_directions() {
        let at = |ms: i64| Timestamp::saturating(1_800_000_000_000 + ms);
        let judge = |ms| ClockState::judge(Some(at(0)), at(ms));
        for near in [0, JUMP_MS, -JUMP_MS] {
            assert_eq!(judge(near), ClockState::Trusted, "{near}");
        }
        for far in [JUMP_MS + 1, -JUMP_MS - 1, 3_650 * JUMP_MS] {
            assert_eq!(judge(far), ClockState::Jumped { kept: at(0) }, "{far}");
        }
        assert_eq!(ClockState::judge(None, Timestamp::saturating(0)), ClockState::Untrusted);
        assert_eq!(ClockState::judge(None, at(0)), ClockState::Trusted);
    }
}
