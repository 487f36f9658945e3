//! How does the demo look on a terminal and in a file? Layout and colours; what is said is decided elsewhere.

use std::{
    env,
    fmt::Write as _,
    io::{self, IsTerminal as _, Stdout, Write as _},
    time::Instant,
};

use anyhow::{Context as _, Result};
use yansi::{Paint as _, Style};

use crate::step::Step;

/// The longest line that is still folded, as wide as a README shows.
const WIDTH: usize = 110;

/// What stands below a step's title is this far in.
const INDENT: &str = "     ";

/// Between columns, as kubectl has it.
const GAP: &str = "   ";

/// Stdout, and where the demo is.
pub(crate) struct Screen {
    out: Stdout,
    step: Step,
    began: Instant,
}

/// A text with a style, in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

// === impl Screen ===

impl Screen {
    /// Colours are for terminals, and for those who did not say otherwise (<https://no-color.org>).
    pub(crate) fn stdout() -> Self {
        let out = io::stdout();
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if unwanted || !out.is_terminal() {
            yansi::disable();
        }
        Self {
            out,
            step: Step::ControlPlane,
            began: Instant::now(),
        }
    }

    /// The step it is at.
    pub(crate) fn at(&self) -> Step {
        self.step
    }

    /// Goes on to a step.
    pub(crate) fn step(&mut self, step: Step) -> Result<()> {
        self.step = step;
        self.line("")?;
        self.line(&step.to_string().bold().to_string())
    }

    /// A sentence, folded.
    pub(crate) fn say(&mut self, text: &str) -> Result<()> {
        for line in fold(text, WIDTH - INDENT.len()) {
            self.line(&format!("{INDENT}{line}"))?;
        }
        Ok(())
    }

    /// Lines as they are.
    pub(crate) fn show(&mut self, text: &str) -> Result<()> {
        for line in text.lines() {
            self.line(format!("{INDENT}{line}").trim_end())?;
        }
        Ok(())
    }

    /// A command that shows the same.
    pub(crate) fn command(&mut self, command: &str) -> Result<()> {
        self.line(&format!("{INDENT}{}", format!("$ {command}").cyan()))
    }

    /// Rows in columns of at least the widths of `least`; the last column is folded.
    pub(crate) fn table(&mut self, rows: &[Vec<Cell>], least: &[usize]) -> Result<()> {
        let widths = widths(rows, least);
        for row in rows {
            for line in lay_out(row, &widths) {
                self.line(&format!("{INDENT}{line}"))?;
            }
        }
        Ok(())
    }

    /// The last line of a demo in which every step came true; how long it took is no news if somebody stayed.
    pub(crate) fn end(&mut self, timed: bool) -> Result<()> {
        let mut text = "Every step came true".to_owned();
        if timed {
            let _ = write!(text, ", in {} s", self.began.elapsed().as_secs());
        }
        text.push('.');
        self.line("")?;
        self.line(&text.green().to_string())
    }

    /// A line from the left edge.
    pub(crate) fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.out, "{text}").context("writing to the terminal")
    }
}

// === impl Cell ===

impl Cell {
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        let text = text.into();
        Self { text, style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Style::new())
    }
}

fn widths(rows: &[Vec<Cell>], least: &[usize]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |n: usize| {
        rows.iter()
            .filter_map(|row| row.get(n))
            .map(|cell| cell.text.chars().count())
            .max()
    };
    (0..columns)
        .map(|n| widest(n).max(least.get(n).copied()).unwrap_or_default())
        .collect()
}

fn lay_out(row: &[Cell], widths: &[usize]) -> Vec<String> {
    let Some((last, others)) = row.split_last() else {
        return Vec::new();
    };
    let mut first = String::new();
    let mut left = 0;
    for (cell, width) in others.iter().zip(widths) {
        first.push_str(
            &format!("{:width$}", cell.text)
                .paint(cell.style)
                .to_string(),
        );
        first.push_str(GAP);
        left += width + GAP.len();
    }
    let room = WIDTH.saturating_sub(INDENT.len() + left);
    let mut lines = fold(&last.text, room).into_iter();
    first.push_str(
        &lines
            .next()
            .unwrap_or_default()
            .paint(last.style)
            .to_string(),
    );
    let rest = lines.map(|line| format!("{:left$}{}", "", line.paint(last.style)));
    std::iter::once(first.trim_end().to_owned())
        .chain(rest)
        .collect()
}

/// Breaks a text between words; a word that is too long stays whole.
fn fold(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_folded_between_words_and_below_their_column() {
        yansi::disable();
        let row: Vec<Cell> = vec!["web".into(), "word ".repeat(30).into()];
        let lines = lay_out(&row, &widths(std::slice::from_ref(&row), &[6]));
        assert!(lines[0].starts_with("web      word word"), "{lines:?}");
        assert!(lines[1].starts_with("         word"), "{lines:?}");
        assert!(lines.iter().all(|line| line.len() <= WIDTH));
        assert_eq!(fold("unbreakable", 3), ["unbreakable"]);
    }

    #[test]
    fn nothing_trails_a_short_row() {
        let row: Vec<Cell> = vec!["gone".into(), "".into()];
        assert_eq!(lay_out(&row, &[10, 0]), ["gone"]);
    }
}
