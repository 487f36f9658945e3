//! Which annotation was read, and what was wrong with it? Collects every problem instead of ending at the first. Pure.

use std::{collections::BTreeMap, fmt::Display, ops::RangeInclusive, str::FromStr};

use roadstead_core::Problem;

use super::values;

/// A Service's annotations while they are read.
///
/// A reading that fails leaves a problem and yields what an absent annotation yields, so that the others are read as well.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    annotations: &'a BTreeMap<String, String>,
    /// What makes the request impossible.
    pub(super) problems: Vec<Problem>,
    /// What is harmless, but has no effect.
    pub(super) notes: Vec<String>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(annotations: &'a BTreeMap<String, String>) -> Self {
        Self {
            annotations,
            problems: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// `what` is wrong at `at`; several ports may find the same.
    pub(super) fn wrong(&mut self, at: &str, what: impl Into<String>) {
        let problem = Problem::new(at, what);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Whether something is wrong at `at`, so that what follows from it would only confuse.
    pub(super) fn is_wrong(&self, at: &str) -> bool {
        self.problems.iter().any(|problem| problem.at == at)
    }

    /// `what` makes the wish at `at` one without effect.
    pub(super) fn note(&mut self, at: &str, what: &str) {
        self.notes.push(format!("{at}: {what}"));
    }

    /// What is wrong with `value`, if something is.
    pub(super) fn check(&mut self, at: &str, value: Result<(), String>) {
        if let Err(what) = value {
            self.wrong(at, what);
        }
    }

    /// The text of `key`, without the spaces around it.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.annotations.get(key).map(|text| text.trim())
    }

    /// The annotations whose keys begin with `family`, as (key, what follows `family`, text).
    pub(super) fn family(&self, family: &str) -> Vec<(&'a str, &'a str, &'a str)> {
        self.annotations
            .iter()
            .filter_map(|(key, text)| Some((key.as_str(), key.strip_prefix(family)?, text.trim())))
            .collect()
    }

    /// The value of `key` as `parse` understands it.
    pub(super) fn read<T, E: Into<String>>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.text(key)?) {
            Ok(value) => Some(value),
            Err(what) => {
                self.wrong(key, what);
                None
            }
        }
    }

    /// One of the words that AWS knows.
    pub(super) fn word<T: FromStr<Err: Display>>(&mut self, key: &str) -> Option<T> {
        self.read(key, |text| {
            text.parse().map_err(|error: T::Err| error.to_string())
        })
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        self.read(key, values::boolean)
    }

    /// `on` or `off`.
    pub(super) fn on_or_off(&mut self, key: &str) -> Option<bool> {
        self.read(key, values::on_or_off)
    }

    /// A whole number within `range`.
    pub(super) fn number<N: FromStr + PartialOrd + Display>(
        &mut self,
        key: &str,
        range: &RangeInclusive<N>,
    ) -> Option<N> {
        self.read(key, |text| values::number(text, range))
    }

    /// A list; empty if it is absent.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        self.text(key).map(values::list).unwrap_or_default()
    }

    /// A list whose parts `parse` understands; each may stand in it once. What cannot be understood is left out.
    pub(super) fn list_of<T: PartialEq>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for part in self.list(key) {
            match parse(&part) {
                Ok(value) if values.contains(&value) => {
                    self.wrong(key, format!("{part:?} is named twice"));
                }
                Ok(value) => values.push(value),
                Err(what) => self.wrong(key, what),
            }
        }
        values
    }

    /// A map; empty if it is absent.
    pub(super) fn map(&mut self, key: &str) -> BTreeMap<String, String> {
        self.read(key, values::map).unwrap_or_default()
    }
}
