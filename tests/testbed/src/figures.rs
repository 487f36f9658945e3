//! What did a benchmark find? Figures next to their goals, a line each as they come, and all of them as JSON at the end.
//! Measures nothing itself.
#![allow(
    clippy::print_stdout,
    reason = "printing figures is what a benchmark is for"
)]

mod distribution;

use std::{collections::BTreeMap, fs, path::Path, process::ExitCode};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

pub use self::distribution::Distribution;

/// Everything that was found so far, by name.
#[derive(Debug, Default)]
pub struct Figures {
    all: BTreeMap<String, Value>,
    missed: usize,
}

/// Figures that are shown one below the other, in sections.
#[derive(Debug, Default)]
pub struct Report {
    figures: Figures,
    /// What stands before the names of figures where they are kept.
    prefix: String,
}

// === impl Figures ===

impl Figures {
    /// One more; `missed` if it is not as it should be.
    pub fn add(&mut self, name: impl Into<String>, figure: Value, missed: bool) {
        self.missed += usize::from(missed);
        self.all.insert(name.into(), figure);
    }

    /// Writes all of them to a file, as JSON.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.all)?;
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
        println!("\nthe same as JSON: {}", path.display());
        Ok(())
    }

    /// Says how many goals were missed, if any was, and how the program is to end.
    #[must_use]
    pub fn end(&self) -> ExitCode {
        match self.missed {
            0 => ExitCode::SUCCESS,
            missed => {
                println!("  {missed} missed");
                ExitCode::FAILURE
            }
        }
    }
}

// === impl Report ===

impl Report {
    /// Begins a section.
    pub fn title(what: &str) {
        println!("\n{what}");
    }

    /// Begins a section whose figures are kept as `name/FIGURE`.
    pub fn section(&mut self, name: &str, what: &str) {
        self.prefix = format!("{name}/");
        Self::title(&format!("{name}: {what}"));
    }

    /// Something beside the figures.
    pub fn say(what: &str) {
        println!("  {what}");
    }

    /// A figure; `goal` is what it should be at the most.
    pub fn figure(&mut self, name: &str, value: f64, unit: &str, goal: Option<f64>) {
        // What is no number reaches nothing.
        let missed = !goal.is_none_or(|goal| value <= goal);
        let judged = goal.map_or_else(String::new, |goal| {
            let mark = if missed { ": MISSED" } else { "" };
            format!("   goal ≤ {goal} {unit}").trim_end().to_owned() + mark
        });
        println!("  {name:<66} {value:>10.2} {unit}{judged}");
        let figure = json!({ "value": value, "unit": unit, "goal": goal });
        self.figures
            .add(format!("{}{name}", self.prefix), figure, missed);
    }

    /// All figures.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_missed_by_what_is_more_and_by_what_is_no_number() {
        let mut report = Report::default();
        report.figure("at its goal", 3.0, "ms", Some(3.0));
        report.figure("without a goal", 1e9, "ms", None);
        assert_eq!(report.figures().missed, 0);
        report.section("burst", "many at once");
        report.figure("beyond its goal", 3.1, "ms", Some(3.0));
        report.figure("of nothing", f64::NAN, "×", Some(3.0));
        assert_eq!(report.figures().missed, 2);
        let kept: Vec<&str> = report.figures().all.keys().map(String::as_str).collect();
        assert_eq!(
            kept,
            [
                "at its goal",
                "burst/beyond its goal",
                "burst/of nothing",
                "without a goal"
            ]
        );
    }
}
