//! How are figures shown? One row each as it comes, next to its goal and to what others took; and all of them as JSON.
#![allow(
    clippy::print_stdout,
    reason = "printing figures is what the benchmark is for"
)]

use std::fmt;

use roadstead_testbed::figures::Figures;
use serde_json::json;

/// The rows so far.
#[derive(Debug)]
pub(crate) struct Table {
    figures: Figures,
}

/// A figure with what it should be.
#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    ours: f64,
    unit: &'static str,
    goal: Goal,
    /// AWS Load Balancer Controller 3.5 and cloud-provider-aws 1.34 in the same set-up; empty: nobody measured it.
    peers: [&'static str; 2],
    note: String,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// It is shown for what it says of another.
    None,
}

/// A number as a person would write it.
struct Short(f64, &'static str);

// === impl Row ===

impl Row {
    /// A figure, which should be this at the most.
    pub(crate) fn at_most(
        what: impl Into<String>,
        ours: f64,
        unit: &'static str,
        goal: f64,
    ) -> Self {
        Self::new(what.into(), ours, unit, Goal::AtMost(goal))
    }

    /// A figure, which should be this at the least.
    pub(crate) fn at_least(
        what: impl Into<String>,
        ours: f64,
        unit: &'static str,
        goal: f64,
    ) -> Self {
        Self::new(what.into(), ours, unit, Goal::AtLeast(goal))
    }

    /// A figure that is to be known.
    pub(crate) fn without_goal(what: impl Into<String>, ours: f64, unit: &'static str) -> Self {
        Self::new(what.into(), ours, unit, Goal::None)
    }

    fn new(what: String, ours: f64, unit: &'static str, goal: Goal) -> Self {
        Self {
            what,
            ours,
            unit,
            goal,
            peers: [""; 2],
            note: String::new(),
        }
    }

    /// What AWS Load Balancer Controller and cloud-provider-aws took.
    pub(crate) fn peers(mut self, lbc: &'static str, ccm: &'static str) -> Self {
        self.peers = [lbc, ccm];
        self
    }

    /// How the figure came about.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn holds(&self) -> bool {
        match self.goal {
            Goal::AtMost(goal) => self.ours <= goal,
            Goal::AtLeast(goal) => self.ours >= goal,
            Goal::None => true,
        }
    }
}

// === impl Table ===

impl Table {
    pub(crate) fn begin() -> Self {
        line("", "ours", "goal", ["LBC 3.5", "c-p-aws 1.34"], "");
        println!("{}", "-".repeat(118));
        Self {
            figures: Figures::default(),
        }
    }

    /// Shows a row.
    pub(crate) fn add(&mut self, row: Row) {
        let holds = row.holds();
        let (shown, goal) = match row.goal {
            Goal::AtMost(goal) => (format!("≤ {}", Short(goal, row.unit)), format!("≤ {goal}")),
            Goal::AtLeast(goal) => (format!("≥ {}", Short(goal, row.unit)), format!("≥ {goal}")),
            Goal::None => (String::new(), String::new()),
        };
        line(
            &row.what,
            &Short(row.ours, row.unit).to_string(),
            &shown,
            row.peers,
            if holds { "" } else { "MISSED" },
        );
        if !row.note.is_empty() {
            println!("    {}", row.note);
        }
        let Row {
            what,
            ours,
            unit,
            goal: _,
            peers: [lbc, ccm],
            note,
        } = row;
        let value = json!({
            "ours": ours, "unit": unit, "goal": goal, "holds": holds,
            "aws-load-balancer-controller": lbc, "cloud-provider-aws": ccm, "note": note,
        });
        self.figures.add(what, value, !holds);
    }

    /// A part that could not be measured to its end is a goal that was missed.
    pub(crate) fn failed(&mut self, part: &str, error: &anyhow::Error) {
        println!("{part}: FAILED: {error:#}");
        let value = json!({ "failed": format!("{error:#}") });
        self.figures.add(part, value, true);
    }

    /// Every row.
    pub(crate) fn figures(&self) -> &Figures {
        &self.figures
    }
}

fn line(what: &str, ours: &str, goal: &str, [lbc, ccm]: [&str; 2], mark: &str) {
    let text = format!("{what:<66} {ours:>12} {goal:>12} {lbc:>10} {ccm:>13}  {mark}");
    println!("{}", text.trim_end());
}

// === impl Short ===

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, unit) = self;
        let space = if unit.is_empty() || *unit == "×" {
            ""
        } else {
            " "
        };
        if value.fract().abs() < 1e-9 {
            write!(f, "{value:.0}{space}{unit}")
        } else {
            write!(f, "{value:.2}{space}{unit}")
        }
    }
}
