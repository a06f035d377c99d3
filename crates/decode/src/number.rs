//! Numbers as devices write them: strict decimals, and texts with blanks, quotes, a decimal comma or a unit behind.

use model::{Flaw, Judgement, RejectReason, Value};

use crate::unit::Known;

/// The largest integer below which every integer is a double.
const EXACT_MAX: u64 = 1 << 53;
/// Powers of ten that are doubles exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A value together with what can be said against it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) value: Result<Value, RejectReason>,
    pub(crate) judgement: Judgement,
}

impl Judged {
    pub(crate) fn good(value: Value) -> Self {
        Self { value: Ok(value), judgement: Judgement::Good }
    }

    pub(crate) fn number(number: f64) -> Self {
        Self::good(Value::Number(number))
    }

    /// A failed read: NaN with its flaw.
    pub(crate) fn bad(flaw: Flaw) -> Self {
        Self { value: Ok(Value::Number(f64::NAN)), judgement: Judgement::Bad(flaw) }
    }

    pub(crate) fn refused(reason: RejectReason) -> Self {
        Self { value: Err(reason), judgement: Judgement::Good }
    }

    /// The finite number, where it is one.
    pub(crate) fn finite(&self) -> Option<f64> {
        match &self.value {
            Ok(Value::Number(number)) if number.is_finite() => Some(*number),
            Ok(Value::Number(_) | Value::Bool(_) | Value::Text(_)) | Err(_) => None,
        }
    }
}

/// What a decimal is made of.
struct Decimal {
    negative: bool,
    /// The first 19 significant digits.
    mantissa: u64,
    /// Power of ten that the mantissa is multiplied with.
    exponent: i32,
    /// Whether digits were left out of the mantissa.
    cut: bool,
    /// Written without point and exponent.
    integer: bool,
}

/// `[+-]digits[.digits][e[+-]digits]`, with digits on one side of the point at least; nothing else.
fn dissect(text: &str) -> Option<Decimal> {
    let mut bytes = text.as_bytes();
    let mut decimal = Decimal { negative: false, mantissa: 0, exponent: 0, cut: false, integer: true };
    if let [sign @ (b'-' | b'+'), rest @ ..] = bytes {
        decimal.negative = *sign == b'-';
        bytes = rest;
    }
    let mut digits = 0_usize;
    let mut behind_point = false;
    while let [byte, rest @ ..] = bytes {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                if decimal.mantissa < 1_000_000_000_000_000_000 {
                    decimal.mantissa = decimal.mantissa * 10 + u64::from(byte - b'0');
                    decimal.exponent = decimal.exponent.saturating_sub(i32::from(behind_point));
                } else {
                    decimal.cut = true;
                    decimal.exponent = decimal.exponent.saturating_add(i32::from(!behind_point));
                }
            }
            b'.' if !behind_point => {
                behind_point = true;
                decimal.integer = false;
            }
            b'e' | b'E' => break,
            _ => return None,
        }
        bytes = rest;
    }
    if digits == 0 {
        return None;
    }
    if let [_, exponent @ ..] = bytes {
        decimal.integer = false;
        decimal.exponent = decimal.exponent.saturating_add(exponent_of(exponent)?);
    }
    Some(decimal)
}

fn exponent_of(bytes: &[u8]) -> Option<i32> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let size = digits.iter().try_fold(0_i32, |sum, byte| {
        byte.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(i32::from(byte - b'0')))
    })?;
    Some(if negative { size.saturating_neg() } else { size })
}

/// The double nearest to a strict decimal. An integer beyond 2^53 is refused, a number beyond the doubles is bad.
pub(crate) fn decimal(text: &str) -> Option<Judged> {
    if let Some(number) = short_decimal(text.as_bytes()) {
        return Some(Judged::number(number));
    }
    let parts = dissect(text)?;
    if parts.integer && (parts.cut || parts.mantissa > EXACT_MAX) {
        return Some(Judged::refused(RejectReason::Precision));
    }
    // Two exact doubles and one operation: rounded once, hence the nearest (Clinger 1990). The rest is left to std.
    let power = TENS.get(usize::try_from(parts.exponent.unsigned_abs()).ok()?);
    let number = match power {
        Some(power) if !parts.cut && parts.mantissa <= EXACT_MAX => {
            let mantissa = parts.mantissa as f64;
            let size = if parts.exponent < 0 { mantissa / power } else { mantissa * power };
            if parts.negative { -size } else { size }
        }
        Some(_) | None => text.parse().ok()?,
    };
    Some(if number.is_finite() { Judged::number(number) } else { Judged::bad(Flaw::Infinite) })
}

/// The usual case: up to fifteen digits, perhaps with a sign and a point. Both doubles are exact then.
pub(crate) fn short_decimal(bytes: &[u8]) -> Option<f64> {
    let (number, behind) = short_decimal_before(bytes)?;
    behind.is_empty().then_some(number)
}

/// Such a number at the beginning of `bytes`, and what stands behind it.
pub(crate) fn short_decimal_before(bytes: &[u8]) -> Option<(f64, &[u8])> {
    let (negative, unsigned) = match bytes {
        [b'-', unsigned @ ..] => (true, unsigned),
        unsigned => (false, unsigned),
    };
    let (mut mantissa, mut decimals, mut point, mut length) = (0_u64, 0_usize, 0_usize, 0_usize);
    for byte in unsigned {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            // What wraps is too long and refused below.
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            decimals = decimals.wrapping_add(point);
        } else if *byte == b'.' && point == 0 {
            point = 1;
        } else {
            break;
        }
        length = length.wrapping_add(1);
    }
    if length == point || length > 15 {
        return None;
    }
    let size = mantissa as f64 / TENS.get(decimals)?;
    Some((if negative { -size } else { size }, unsigned.get(length..)?))
}

/// Words of a sensor that could not be read.
pub(crate) fn failed_word(text: &str) -> Option<Flaw> {
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is = |word: &str| bare.eq_ignore_ascii_case(word);
    if is("nan") {
        return Some(Flaw::Nan);
    }
    if is("inf") || is("infinity") || is("ovf") {
        return Some(Flaw::Infinite);
    }
    let null = ["null", "none", "unknown", "unavailable", "n/a", "na", "undefined"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    (null || matches!(text, "--" | "---")).then_some(Flaw::Null)
}

/// Words of a switch or a contact.
pub(crate) fn switch_word(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if text.len() > 8 {
        None
    } else if is(&["on", "true", "open", "opened"]) {
        Some(true)
    } else if is(&["off", "false", "closed", "close"]) {
        Some(false)
    } else {
        None
    }
}

/// A text that is one value: a number in the forms that devices write, perhaps with its unit; a failed read; a switch.
pub(crate) fn single(text: &str) -> Option<(Judged, Option<Known>)> {
    let text = unquoted(text.trim());
    if let Some(judged) = loose_decimal(text) {
        return Some((judged, None));
    }
    if let Some(flaw) = failed_word(text) {
        return Some((Judged::bad(flaw), None));
    }
    if let Some(on) = switch_word(text) {
        return Some((Judged::good(Value::Bool(on)), None));
    }
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | ',')))?;
    let (number, unit) = text.split_at_checked(end)?;
    let unit = Known::look_up(unit)?;
    Some((loose_decimal(number)?, Some(unit)))
}

/// A strict decimal, or one with a decimal comma. Where both separators stand, the last one stands once and is that of the
/// fraction, and the other parts thousands.
fn loose_decimal(text: &str) -> Option<Judged> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let Some(comma) = text.rfind(',') else { return decimal(text) };
    let (parts, between) = match text.rfind('.') {
        None => (text.split_once(',')?, None),
        Some(point) if point > comma => (text.split_once('.')?, Some(',')),
        Some(_) => (text.split_once(',')?, Some('.')),
    };
    let (whole, fraction) = parts;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || (fraction.is_empty() && between != Some(',')) {
        return None;
    }
    let Some(between) = between else { return decimal(&format!("{whole}.{fraction}")) };
    let mut groups = whole.split(between);
    let first = groups.next()?.trim_start_matches(['-', '+']);
    let thousands = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    thousands.then(|| decimal(&format!("{}.{fraction}", whole.replace(between, ""))))?
}

/// Without one pair of quotes around it, and without the blanks inside them.
fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner.trim();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_double_comes_back(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            // `{:?}` writes a point or an exponent always, so nothing here counts as an integer.
            for text in [format!("{number:?}"), format!("{number:e}.").replace('.', "").replacen('e', ".0e", usize::from(!format!("{number:e}").contains('.')))] {
                if text.parse::<f64>() == Ok(number) {
                    prop_assert_eq!(decimal(&text), Some(Judged::number(number)), "{}", text);
                }
            }
        }

        #[test]
        fn decimals_are_the_nearest_doubles(text in r"-?[0-9]{1,25}\.[0-9]{1,25}(e-?[0-9]{1,2})?") {
            prop_assert_eq!(decimal(&text), Some(Judged::number(text.parse().unwrap())));
        }

        #[test]
        fn any_text_is_read_without_panic(text in any::<String>()) {
            let _ = single(&text);
        }
    }

    #[test]
    fn integers_that_a_double_would_round_are_refused() {
        assert_eq!(decimal("9007199254740992"), Some(Judged::number(9_007_199_254_740_992.0)));
        for long in ["9007199254740993", "-18446744073709551616", &"9".repeat(400)] {
            assert_eq!(decimal(long), Some(Judged::refused(RejectReason::Precision)), "{long}");
        }
        assert_eq!(decimal("1e999"), Some(Judged::bad(Flaw::Infinite)));
        assert_eq!(decimal("-0").and_then(|zero| zero.finite()).map(f64::to_bits), Some((-0.0_f64).to_bits()));
    }

    #[test]
    fn numbers_are_read_as_devices_write_them() {
        for (text, expected) in [
            ("  23.40 ", 23.4),
            ("'21.4'", 21.4),
            ("\" 21,5 \"", 21.5),
            ("+7", 7.0),
            (".5", 0.5),
            ("1,234.5", 1234.5),
            ("1.013,2", 1013.2),
            ("-1.234.567,8", -1_234_567.8),
            ("23.4 °C", 23.4),
            ("45%", 45.0),
            ("-3,5 °C", -3.5),
        ] {
            assert_eq!(single(text).and_then(|(judged, _)| judged.finite()), Some(expected), "{text}");
        }
        for text in [
            "",
            "hello",
            "data_3",
            "12 apples",
            "23.4, 55.5",
            "1.2.3",
            "1.01,2",
            "1,013.2,5",
            "1.013,",
            "1,2.013.4",
            "0x10",
            "2021-01-01",
            "-",
            "e5",
            "1e",
        ] {
            assert_eq!(single(text), None, "{text}");
        }
    }
}
