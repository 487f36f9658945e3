//! Which annotations does a provider know, and which did the user perhaps mean? Pure.

use std::fmt;

/// The annotation keys that a provider (or the controller) understands.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary {
    /// Prefixes it owns: an unknown key below one of them is a typo, or a wish it cannot grant.
    pub prefixes: &'static [&'static str],
    /// The keys it knows, whole.
    pub keys: &'static [&'static str],
    /// Keys that carry something after them: `…target-group-attributes.` is followed by a port.
    pub families: &'static [&'static str],
}

/// A key under an owned prefix that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typo {
    /// As the user wrote it.
    pub key: String,
    /// The known key closest to it, if one is close.
    pub nearest: Option<&'static str>,
}

/// One thing wrong with a Service's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: an annotation's key or a field's path.
    pub at: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// Below this likeness (Jaro-Winkler, 0 to 1) a suggestion confuses more than it helps.
const LIKENESS: f64 = 0.75;

// === impl Vocabulary ===

impl Vocabulary {
    /// True if `key` is known.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.keys.contains(&key) || self.families.iter().any(|family| key.starts_with(family))
    }

    /// True if `key` lies under a prefix of this vocabulary.
    #[must_use]
    pub fn owns(&self, key: &str) -> bool {
        self.prefixes.iter().any(|prefix| key.starts_with(prefix))
    }

    /// The keys among `keys` that one of `vocabularies` owns and none of them knows, in their order.
    pub fn typos<'k>(vocabularies: &[Self], keys: impl IntoIterator<Item = &'k str>) -> Vec<Typo> {
        keys.into_iter()
            .filter(|key| {
                vocabularies.iter().any(|v| v.owns(key))
                    && !vocabularies.iter().any(|v| v.knows(key))
            })
            .map(|key| Typo {
                key: key.to_owned(),
                nearest: nearest(vocabularies, key),
            })
            .collect()
    }
}

fn nearest(vocabularies: &[Vocabulary], key: &str) -> Option<&'static str> {
    let prefix = vocabularies
        .iter()
        .flat_map(|v| v.prefixes)
        .filter(|prefix| key.starts_with(**prefix))
        .max_by_key(|prefix| prefix.len())?;
    let rest = key.get(prefix.len()..)?;
    vocabularies
        .iter()
        .flat_map(|v| v.keys.iter().chain(v.families))
        .filter_map(|known| {
            Some((
                known,
                strsim::jaro_winkler(rest, known.strip_prefix(prefix)?),
            ))
        })
        .filter(|(_, likeness)| *likeness >= LIKENESS)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(known, _)| *known)
}

// === impl Typo ===

impl fmt::Display for Typo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown annotation {}", self.key)?;
        match self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest}?"),
            None => f.write_str("; it has no effect"),
        }
    }
}

// === impl Problem ===

impl Problem {
    /// `what` is wrong at `at`.
    pub fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Vocabulary = Vocabulary {
        prefixes: &["example.dev/"],
        keys: &["example.dev/latency", "example.dev/address"],
        families: &["example.dev/attributes."],
    };

    #[test]
    fn a_typo_is_told_its_nearest_key() {
        let table = [
            ("example.dev/latnecy", Some("example.dev/latency")),
            ("example.dev/adress", Some("example.dev/address")),
            ("example.dev/attribute.80", Some("example.dev/attributes.")),
            ("example.dev/zzz", None),
        ];
        for (key, nearest) in table {
            assert_eq!(
                Vocabulary::typos(&[OURS], [key]),
                [Typo {
                    key: key.to_owned(),
                    nearest
                }]
            );
        }
    }

    #[test]
    fn known_and_foreign_keys_are_no_typos() {
        let keys = [
            "example.dev/latency",
            "example.dev/attributes.80",
            "other.dev/latnecy",
        ];
        assert_eq!(Vocabulary::typos(&[OURS], keys), []);
    }
}
