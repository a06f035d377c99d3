//! Value templates that say where a value is, and perhaps which number it is multiplied by and which one is added. A default in
//! them is never used, since a value that is not in the message is no reading. Every other template is left to the programs that
//! it was written for, and the values that it mentions are doubted.

use super::{Calculation, Pick, Rounding, push_step};

/// Longest template that is looked at, in bytes. Of a longer one only its beginning is searched for what it mentions.
const TEMPLATE_BYTES_MAX: usize = 512;
/// Deepest nesting of brackets. A template that is nested deeper is not calculated.
const DEPTH_MAX: usize = 16;
/// Most values that a template which is not calculated is noted for. The others are not doubted.
const MENTIONED_MAX: usize = 8;
/// Most digits behind the decimal point that are rounded to. A template that asks for more is not calculated.
const DIGITS_MAX: u8 = 10;

/// Where the value is and what becomes of it; nothing where the message has no part in it.
pub(crate) fn read(template: &str) -> Option<(Pick, Calculation)> {
    linear(template).or_else(|| {
        let mut end = template.len().min(TEMPLATE_BYTES_MAX);
        while !template.is_char_boundary(end) {
            end -= 1;
        }
        Some((Pick::Unread(mentioned(template.get(..end)?)?), Calculation::default()))
    })
}

/// The values of an object that a text speaks of; an empty list where it speaks of the whole message.
fn mentioned(text: &str) -> Option<Vec<String>> {
    let mut paths: Vec<String> = Vec::new();
    for (at, _) in text.match_indices("value_json") {
        if let Some((Pick::Path(path), _)) = text.get(at..).and_then(path)
            && !paths.contains(&path)
            && paths.len() < MENTIONED_MAX
        {
            paths.push(path);
        }
    }
    (!paths.is_empty() || text.contains("value")).then_some(paths)
}

fn linear(template: &str) -> Option<(Pick, Calculation)> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return None;
    }
    let inner = template.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    // A minus at the very edge is about blanks around the value.
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner).trim();
    if inner.contains("{{") || inner.contains("{%") {
        return None;
    }
    if let Some((value, condition)) = inner.split_once(" if ") {
        let (condition, _invented) = condition.split_once(" else ").unwrap_or((condition, ""));
        let value = whole(value)?;
        let defined = whole(condition.trim().strip_suffix("is defined")?)?;
        return (defined.0 == value.0).then_some(value);
    }
    let Some((digits, inner)) = formatted(inner) else { return whole(inner) };
    let Linear { pick, calculation } = all_of(inner)?;
    let calculation = digits.map_or(Some(calculation), |digits| calculation.rounded(digits))?;
    Some((pick?, calculation.settled()))
}

/// `'%0.1f'|format(x)`: the digits, and the x.
fn formatted(text: &str) -> Option<(Option<Rounding>, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (format, rest) = text.get(1..)?.split_once(quote)?;
    let digits = format.strip_prefix('%')?.strip_suffix(['f', 'd', 'g'])?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let behind = digits.split_once('.').and_then(|(_, digits)| digits.parse().ok());
    let rounding = behind.filter(|digits| *digits <= DIGITS_MAX && format.ends_with('f')).map(Rounding::Digits);
    let inner = rest.trim().strip_prefix('|')?.trim().strip_prefix("format")?.trim().strip_prefix('(')?;
    Some((rounding, inner.strip_suffix(')')?))
}

/// A whole text that is one value of the message.
fn whole(text: &str) -> Option<(Pick, Calculation)> {
    let Linear { pick, calculation } = all_of(text)?;
    Some((pick?, calculation.settled()))
}

fn all_of(text: &str) -> Option<Linear> {
    let mut rest = Rest(text);
    let sum = rest.sum(0)?;
    rest.0.trim().is_empty().then_some(sum)
}

/// One value of the message with what becomes of it; without a place a number, which is the offset.
struct Linear {
    pick: Option<Pick>,
    calculation: Calculation,
}

impl Linear {
    fn number(offset: f64) -> Self {
        Self { pick: None, calculation: Calculation { scale: 0.0, offset, rounding: None } }
    }

    fn constant(&self) -> Option<f64> {
        self.pick.is_none().then_some(self.calculation.offset)
    }

    fn times(self, factor: f64) -> Option<Self> {
        let Calculation { scale, offset, rounding: None } = self.calculation else { return None };
        let (scale, offset) = (scale * factor, offset * factor);
        let known = scale.is_finite() && offset.is_finite();
        known.then_some(Self { calculation: Calculation { scale, offset, rounding: None }, ..self })
    }

    fn plus(self, number: f64) -> Option<Self> {
        let Calculation { scale, offset, rounding: None } = self.calculation else { return None };
        let offset = offset + number;
        offset.is_finite().then_some(Self { calculation: Calculation { scale, offset, rounding: None }, ..self })
    }

    fn filtered(self, filter: &str, argument: Option<&str>) -> Option<Self> {
        let number = || argument?.parse::<f64>().ok().filter(|number| number.is_finite());
        let digits = match argument {
            Some(text) => text.parse().ok().filter(|digits| *digits <= DIGITS_MAX),
            None => Some(0),
        };
        let rounding = match filter {
            "float" | "default" | "is_defined" => return Some(self),
            "multiply" => return self.times(number()?),
            "add" => return self.plus(number()?),
            "int" => Rounding::Whole,
            "round" => Rounding::Digits(digits?),
            _ => return None,
        };
        let calculation = match self.pick {
            Some(_) => self.calculation.rounded(rounding)?,
            None => Calculation { offset: rounding.of(self.calculation.offset), ..self.calculation },
        };
        Some(Self { calculation, ..self })
    }
}

/// What is left to read, and how: filters bind before products, products before sums.
struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    fn take(&mut self, sign: char) -> bool {
        let rest = self.0.trim_start().strip_prefix(sign);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn sum(&mut self, depth: usize) -> Option<Linear> {
        let mut sum = self.product(depth)?;
        loop {
            let sign = if self.take('+') {
                1.0
            } else if self.take('-') {
                -1.0
            } else {
                return Some(sum);
            };
            let next = self.product(depth)?;
            sum = match (sum.constant(), next.constant()) {
                (_, Some(number)) => sum.plus(sign * number)?,
                (Some(number), None) => next.times(sign)?.plus(number)?,
                (None, None) => return None,
            };
        }
    }

    fn product(&mut self, depth: usize) -> Option<Linear> {
        let mut product = self.filtered(depth)?;
        loop {
            let divides = if self.take('*') {
                false
            } else if self.take('/') {
                true
            } else {
                return Some(product);
            };
            let next = self.filtered(depth)?;
            product = match (product.constant(), next.constant()) {
                (_, Some(number)) if divides => product.times(1.0 / number)?,
                (_, Some(number)) => product.times(number)?,
                (Some(number), None) if !divides => next.times(number)?,
                (Some(_) | None, None) => return None,
            };
        }
    }

    fn filtered(&mut self, depth: usize) -> Option<Linear> {
        let mut value = self.one(depth)?;
        while self.take('|') {
            let text = self.0.trim_start();
            let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
            let (name, rest) = text.split_at_checked(end)?;
            self.0 = rest;
            let mut argument = None;
            if self.take('(') {
                let (inside, rest) = self.0.split_once(')')?;
                (argument, self.0) = (Some(inside.trim()).filter(|text| !text.is_empty()), rest);
            }
            value = value.filtered(name, argument)?;
        }
        Some(value)
    }

    fn one(&mut self, depth: usize) -> Option<Linear> {
        if depth > DEPTH_MAX {
            return None;
        }
        if self.take('-') {
            return self.one(depth + 1)?.times(-1.0);
        }
        if self.take('(') {
            let inside = self.sum(depth + 1)?;
            return self.take(')').then_some(inside);
        }
        let text = self.0.trim_start();
        if text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
            let (number, rest) = text.split_at_checked(end)?;
            self.0 = rest;
            return number.parse().ok().filter(|number: &f64| number.is_finite()).map(Linear::number);
        }
        let (pick, rest) = path(text)?;
        self.0 = rest;
        Some(Linear { pick: Some(pick), calculation: Calculation::default() })
    }
}

/// The place at the start of a text, and what stands behind it.
fn path(text: &str) -> Option<(Pick, &str)> {
    let Some(mut rest) = text.strip_prefix("value_json") else {
        let rest = text.strip_prefix("value")?;
        let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '['));
        return ends.then_some((Pick::Whole, rest));
    };
    let mut path = String::new();
    while rest.starts_with(['.', '[']) {
        let step;
        (step, rest) = if let Some(behind) = rest.strip_prefix('.') {
            let end = behind.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(behind.len());
            behind.split_at_checked(end)?
        } else {
            let behind = rest.strip_prefix('[')?;
            match behind.chars().next()? {
                quote @ ('\'' | '"') => {
                    let (step, behind) = behind.get(1..)?.split_once(quote)?;
                    (step, behind.strip_prefix(']')?)
                }
                _ => {
                    let (step, behind) = behind.split_once(']')?;
                    (step.bytes().all(|byte| byte.is_ascii_digit()).then_some(step)?, behind)
                }
            }
        };
        if step.is_empty() {
            return None;
        }
        push_step(&mut path, step);
    }
    (!path.is_empty()).then_some((Pick::Path(path), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(path: &str) -> Pick {
        Pick::Path(path.into())
    }

    #[test]
    fn a_plain_path_is_read_and_its_default_is_not() {
        for (template, expected) in [
            ("{{ value_json.temperature}}", "/temperature"),
            ("{{value_json['a b'].x[2]|float|round(1)}}", "/a b/x/2"),
            ("{{ value_json.t | float(0) }}", "/t"),
            ("{{ value_json.t | is_defined }}", "/t"),
            ("{{value_json['t'] if value_json['t'] is defined else 0}}", "/t"),
            ("{{ '%0.1f'|format(value_json.RainTotal) }}", "/RainTotal"),
        ] {
            assert_eq!(read(template), Some((at(expected), Calculation::default())), "{template}");
        }
        assert_eq!(read("{{ value | int }}"), Some((Pick::Whole, Calculation::default())));
    }

    #[test]
    fn what_multiplies_and_adds_is_calculated() {
        for (template, raw, expected) in [
            ("{{ value_json.t * 0.1 }}", 213.0, 21.3),
            ("{{ value_json.t / 10 }}", 213.0, 21.3),
            ("{{ (value_json.t | float * 0.1) | round(1) }}", 3.0, 0.3),
            ("{{ (value_json.t * 1.8 + 32) | round(1) }}", 21.37, 70.5),
            ("{{ 100 - value_json.t }}", 30.0, 70.0),
            ("{{ -(value_json.t - 5) * 2 }}", 7.0, -4.0),
            ("{{ (value_json.t / 3) | int }}", 8.0, 2.0),
            ("{{ value_json.t | multiply(0.5) | add(1) }}", 8.0, 5.0),
            ("{{ '%.1f' | format(value_json.t * 0.1) }}", 3.0, 0.3),
            // A filter binds before the product.
            ("{{ value_json.t * 2 | round(1) }}", 1.26, 2.52),
            ("{{--value_json.t}}", 5.0, -5.0),
            ("{{ (value_json.t * 2) | round(2) | round(1) }}", 1.26, 2.5),
        ] {
            let (pick, calculation) = read(template).unwrap();
            assert_eq!((pick, calculation.of(raw)), (at("/t"), Some(expected)), "{template}");
        }
    }

    #[test]
    fn what_does_more_is_left_alone_and_what_it_mentions_is_known() {
        for (template, mentioned) in [
            ("{{ value_json.t if value_json.u is defined else 0 }}", vec!["/t", "/u"]),
            ("{% if value_json.t %}1{% endif %}", vec!["/t"]),
            ("{{ value_json.t }}{{ value_json.u }}", vec!["/t", "/u"]),
            ("{{ value_json.t * value_json.u }}", vec!["/t", "/u"]),
            ("{{ 1 / value_json.t }}", vec!["/t"]),
            ("{{ value_json.t / 0 }}", vec!["/t"]),
            // What is rounded first and calculated then.
            ("{{ (value_json.t | int) * 10 }}", vec!["/t"]),
            ("{{ value_json.t | round(0) * 10 }}", vec!["/t"]),
            ("{{ value_json.t | int + 0.5 }}", vec!["/t"]),
            ("{{ (value_json.t * 3 | float) | round(1) * 2 | log }}", vec!["/t"]),
            ("{{ value.split(',')[0] }}", vec![]),
            ("{{ value_json }}", vec![]),
        ] {
            let mentioned = mentioned.into_iter().map(str::to_owned).collect();
            assert_eq!(read(template), Some((Pick::Unread(mentioned), Calculation::default())), "{template}");
        }
        for template in ["{{ states('sensor.x') }}", ""] {
            assert_eq!(read(template), None, "{template}");
        }
        let endless = format!("{{{{ value_json.t + {} }}}}", "9".repeat(320));
        assert_eq!(read(&endless), Some((Pick::Unread(vec!["/t".into()]), Calculation::default())));
        let nested = format!("{{{{ {}value_json.t{} }}}}", "(".repeat(100), ")".repeat(100));
        assert_eq!(read(&nested), Some((Pick::Unread(vec!["/t".into()]), Calculation::default())));
    }

    proptest! {
        #[test]
        fn any_line_is_calculated_as_it_is_written(
            raw in -1e6..1e6f64, factor in -1000..1000i32, divisor in 1..1000i32, offset in -1000..1000i32,
        ) {
            let template = format!("{{{{ ((value_json.t * {factor}) / {divisor} + {offset}) | float }}}}");
            let expected = raw * f64::from(factor) / f64::from(divisor) + f64::from(offset);
            let found = read(&template).unwrap().1.of(raw).unwrap();
            prop_assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e6), "{template}: {found} {expected}");
        }

        #[test]
        fn any_text_ends(text in "[-+*/|(). 0-9a-z_{}'\\[\\]]{0,600}") {
            let _ = read(&format!("{{{{ value_json.{text} }}}}"));
        }
    }
}
