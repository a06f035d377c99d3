//! Value templates that only say where a value is. They become a path; a default in them is never used, since a value
//! that is not in the message is no reading. Every other template is left to the programs that it was written for.

use super::{Pick, push_step};

/// Longest template that is looked at, in bytes. A longer one is not read.
const TEMPLATE_BYTES_MAX: usize = 512;

/// Where the value is; nothing where the template calculates.
pub(crate) fn pick_of(template: &str) -> Option<Pick> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return None;
    }
    let inner = template.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.trim_start_matches('-').trim_end_matches('-').trim();
    if inner.contains("{{") || inner.contains("{%") {
        return None;
    }
    if let Some((value, condition)) = inner.split_once(" if ") {
        let (condition, _invented) = condition.split_once(" else ").unwrap_or((condition, ""));
        let pick = filtered(value)?;
        return (filtered(condition.trim().strip_suffix("is defined")?)? == pick).then_some(pick);
    }
    formatted(inner).map_or_else(|| filtered(inner), filtered)
}

/// `'%0.1f'|format(x)`: the x.
fn formatted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (format, rest) = text.get(1..)?.split_once(quote)?;
    let digits = format.strip_prefix('%')?.strip_suffix(['f', 'd', 'g'])?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    rest.trim().strip_prefix('|')?.trim().strip_prefix("format")?.trim().strip_prefix('(')?.strip_suffix(')')
}

/// A path behind which only filters stand that leave the number what it is.
fn filtered(text: &str) -> Option<Pick> {
    let mut parts = text.split('|').map(str::trim);
    let pick = path(parts.next()?)?;
    for filter in parts {
        let (name, arguments) = filter.split_once('(').unwrap_or((filter, ")"));
        if !matches!(name.trim(), "float" | "int" | "round" | "default") || !arguments.ends_with(')') {
            return None;
        }
    }
    Some(pick)
}

fn path(text: &str) -> Option<Pick> {
    let text = text.trim();
    if text == "value" {
        return Some(Pick::Whole);
    }
    let mut rest = text.strip_prefix("value_json")?;
    let mut path = String::new();
    while !rest.is_empty() {
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
    (!path.is_empty()).then_some(Pick::Path(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_is_read_and_its_default_is_not() {
        for (template, expected) in [
            ("{{ value_json.temperature}}", "/temperature"),
            ("{{value_json['a b'].x[2]|float|round(1)}}", "/a b/x/2"),
            ("{{ value_json.t | float(0) }}", "/t"),
            ("{{value_json['t'] if value_json['t'] is defined else 0}}", "/t"),
            ("{{ '%0.1f'|format(value_json.RainTotal) }}", "/RainTotal"),
        ] {
            assert_eq!(pick_of(template), Some(Pick::Path(expected.into())), "{template}");
        }
        assert_eq!(pick_of("{{ value | int }}"), Some(Pick::Whole));
    }

    #[test]
    fn what_calculates_is_left_alone() {
        for template in [
            "{{ value_json.t * 0.1 }}",
            "{{ value_json.t if value_json.u is defined else 0 }}",
            "{{ value_json.t | multiply(2) }}",
            "{% if value_json.t %}1{% endif %}",
            "{{ value_json.t }}{{ value_json.u }}",
            "{{ value_json }}",
            "{{ value_json..t }}",
            "{{ states('sensor.x') }}",
            "",
        ] {
            assert_eq!(pick_of(template), None, "{template}");
        }
    }
}
