//! Figures beside their budgets, collected while measuring and printed at the end.

/// What was measured, each with its budget.
#[derive(Default)]
pub struct Verdicts(Vec<Verdict>);

struct Verdict {
    figure: String,
    budget: String,
    measured: String,
    met: bool,
}

impl Verdicts {
    /// A number that must not be above its budget.
    pub fn at_most(&mut self, figure: impl Into<String>, budget: f64, measured: f64, unit: &str) {
        let met = measured <= budget;
        let (budget, measured) = (format!("≤ {budget}{unit}"), format!("{}{unit}", short(measured)));
        self.0.push(Verdict { figure: figure.into(), budget, measured, met });
    }

    /// Something that must be less than of every peer.
    pub fn least_of(&mut self, figure: impl Into<String>, ours: f64, peers: &[(&str, f64)], unit: &str) {
        if peers.is_empty() {
            return;
        }
        let of_peers: Vec<String> = peers.iter().map(|(name, figure)| format!("{name} {}", short(*figure))).collect();
        self.0.push(Verdict {
            figure: figure.into(),
            budget: "less than the peers".into(),
            measured: format!("{}{unit}; {}", short(ours), of_peers.join(", ")),
            met: peers.iter().all(|(_, theirs)| ours < *theirs),
        });
    }

    pub fn print(&self) {
        if self.0.is_empty() {
            return;
        }
        println!("### Beside the budgets\n\n| Figure | Budget | Measured | |\n|---|---|---|---|");
        for Verdict { figure, budget, measured, met } in &self.0 {
            println!("| {figure} | {budget} | {measured} | {} |", if *met { "met" } else { "**missed**" });
        }
        println!();
    }
}

/// Three digits that mean something.
pub fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 || size == 0.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_met_at_its_edge_and_a_peer_must_be_beaten() {
        let mut verdicts = Verdicts::default();
        verdicts.at_most("bytes", 0.65, 0.65, "");
        verdicts.at_most("bytes", 0.65, 0.651, "");
        verdicts.least_of("chart", 1.0, &[("one", 2.0), ("other", 1.0)], " ms");
        verdicts.least_of("chart", 1.0, &[], " ms");
        assert_eq!(verdicts.0.iter().map(|verdict| verdict.met).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!([123.4, 12.34, 1.234, 0.1234].map(short), ["123", "12.3", "1.23", "0.123"]);
    }
}
