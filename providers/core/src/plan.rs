//! What would be done? The one text that the CLI prints, the log says, the event notes and the tests compare. No I/O.

use std::fmt;

use serde::Serialize;

/// What a step does to the thing it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Makes something new.
    Create,
    /// Changes something in place.
    Change,
    /// Makes a new one, then removes the old one.
    Replace,
    /// Removes something.
    Delete,
    /// Nothing: the change is asked for and cannot be made; the text says why.
    Impossible,
}

/// One step, as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// To what, and how: `listener 80/TCP -> node port 30080`.
    pub what: String,
}

/// The ordered steps that would turn what exists into what is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// In the order in which they would be taken.
    pub steps: Vec<Step>,
    /// What the plan cannot know, and what would not be done although it was asked for.
    pub notes: Vec<String>,
}

// === impl Action ===

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Impossible => "cannot",
        })
    }
}

// === impl Step ===

impl Step {
    /// A step of this action.
    pub fn new(action: Action, what: impl Into<String>) -> Self {
        Self {
            action,
            what: what.into(),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.what)
    }
}

// === impl Plan ===

impl Plan {
    /// True if what exists is what is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl FromIterator<Step> for Plan {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            notes: Vec::new(),
        }
    }
}

/// The steps on one line, `; ` between them.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str("nothing to do");
        }
        for (n, step) in self.steps.iter().enumerate() {
            if n > 0 {
                f.write_str("; ")?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}
