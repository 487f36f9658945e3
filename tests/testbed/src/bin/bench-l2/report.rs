//! How are figures shown? A line each as they come, and at the end all of them as JSON.
#![allow(
    clippy::print_stdout,
    reason = "printing figures is what a benchmark is for"
)]

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

/// The figures so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: BTreeMap<String, Value>,
    missed: usize,
}

// === impl Report ===

impl Report {
    /// Begins a section.
    pub(crate) fn section(what: &str) {
        println!("\n{what}");
    }

    /// Something beside the figures.
    pub(crate) fn say(what: &str) {
        println!("  {what}");
    }

    /// A figure; `goal` is what it should be at the most.
    pub(crate) fn figure(&mut self, name: &str, value: f64, unit: &str, goal: Option<f64>) {
        let judged = match goal {
            Some(goal) if value <= goal => format!("   goal {goal} {unit}"),
            Some(goal) => {
                self.missed += 1;
                format!("   goal {goal} {unit}: MISSED")
            }
            None => String::new(),
        };
        println!("  {name:<66} {value:>10.2} {unit}{judged}");
        let figure = json!({ "value": value, "unit": unit, "goal": goal });
        self.figures.insert(name.to_owned(), figure);
    }

    /// How many goals were missed.
    pub(crate) fn missed(&self) -> usize {
        self.missed
    }

    /// Everything as JSON.
    pub(crate) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(&self.figures)?)
    }
}
