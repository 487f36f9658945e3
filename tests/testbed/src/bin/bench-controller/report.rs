//! How are figures shown? One line each as they come, and all of them as JSON.
#![allow(
    clippy::print_stdout,
    reason = "printing figures is what the benchmark is for"
)]

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use serde_json::{Value, json};

/// The figures so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: BTreeMap<String, Value>,
    section: String,
}

/// Measured durations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durations(Vec<Duration>);

// === impl Report ===

impl Report {
    /// Begins a section.
    pub(crate) fn section(&mut self, name: &str, what: &str) {
        name.clone_into(&mut self.section);
        println!("\n{name}: {what}");
    }

    /// A figure; `goal` is what it should be at the most.
    pub(crate) fn figure(&mut self, name: &str, value: f64, unit: &str, goal: Option<f64>) {
        let judged = goal.map_or_else(String::new, |goal| {
            format!(
                "   goal ≤ {goal} {unit}: {}",
                if value <= goal { "reached" } else { "MISSED" }
            )
        });
        println!("  {name:<58} {value:>10.2} {unit}{judged}");
        let key = format!("{}/{name}", self.section);
        self.figures
            .insert(key, json!({ "value": value, "unit": unit, "goal": goal }));
    }

    /// Everything as JSON.
    pub(crate) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(&self.figures)?)
    }
}

// === impl Durations ===

impl Durations {
    /// One more.
    pub(crate) fn push(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    /// In milliseconds, the value below which `share` of them lie.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank among a few thousand"
        )]
        let rank = (share * (sorted.len().saturating_sub(1)) as f64).round() as usize;
        sorted
            .get(rank)
            .map_or(0.0, |duration| duration.as_secs_f64() * 1_000.0)
    }
}
