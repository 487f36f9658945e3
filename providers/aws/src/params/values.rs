//! How is the text of one annotation read? Words, numbers, lists and maps, with the rules of AWS Load Balancer Controller. Pure.

use std::{collections::BTreeMap, fmt::Display, ops::RangeInclusive, str::FromStr};

/// What Go's `strconv.ParseBool` takes, which users of AWS Load Balancer Controller write.
const YES: [&str; 6] = ["1", "t", "T", "TRUE", "true", "True"];
const NO: [&str; 6] = ["0", "f", "F", "FALSE", "false", "False"];

/// A character, and whether a backslash took its meaning away.
type Escaped = (char, bool);

/// `true` or `false`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    if YES.contains(&text) {
        Ok(true)
    } else if NO.contains(&text) {
        Ok(false)
    } else {
        Err(format!("{text:?} is neither true nor false"))
    }
}

/// `on` or `off`.
pub(super) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{text:?} is neither on nor off")),
    }
}

/// A whole number within `range`.
pub(super) fn number<N>(text: &str, range: &RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    let parsed: Option<N> = text.parse().ok();
    parsed.filter(|n| range.contains(n)).ok_or_else(|| {
        format!(
            "{text:?} is no whole number from {} to {}",
            range.start(),
            range.end()
        )
    })
}

/// What stands between commas, without the spaces around it; what is empty is nothing.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `key=value,key=value`.
///
/// A comma ends a value only if an `=` follows before the next comma, so a value may hold commas of its own. A backslash takes
/// the meaning of the character after it away.
pub(super) fn map(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut entries: Vec<(Vec<Escaped>, Vec<Escaped>)> = Vec::new();
    for part in escaped(text).split(|c| *c == (',', false)) {
        let equals = part.iter().position(|c| *c == ('=', false));
        match (
            equals.and_then(|at| part.split_at_checked(at)),
            entries.last_mut(),
        ) {
            (Some((key, value)), _) => {
                entries.push((key.to_vec(), value.iter().skip(1).copied().collect()));
            }
            (None, _) if trimmed(part).is_empty() => {}
            (None, Some((_, value))) => {
                value.push((',', true));
                value.extend_from_slice(part);
            }
            (None, None) => {
                return Err(format!(
                    "{text:?} is no list of key=value, with commas between"
                ));
            }
        }
    }
    let mut map = BTreeMap::new();
    for (key, value) in entries {
        let key = trimmed(&key);
        if key.is_empty() {
            return Err(format!(
                "{text:?} has a value without a key; write key=value"
            ));
        }
        if map.insert(key.clone(), trimmed(&value)).is_some() {
            return Err(format!("{text:?} gives {key} twice"));
        }
    }
    Ok(map)
}

fn escaped(text: &str) -> Vec<Escaped> {
    let mut characters = text.chars();
    let mut out = Vec::with_capacity(text.len());
    while let Some(c) = characters.next() {
        out.push(match c {
            // A backslash that nothing follows means itself.
            '\\' => characters.next().map_or(('\\', true), |c| (c, true)),
            c => (c, false),
        });
    }
    out
}

fn trimmed(text: &[Escaped]) -> String {
    let is_space = |c: &&Escaped| !c.1 && c.0.is_whitespace();
    let leading = text.iter().take_while(is_space).count();
    let trailing = text.iter().rev().take_while(is_space).count();
    let kept = text.len().saturating_sub(leading + trailing);
    text.iter().skip(leading).take(kept).map(|c| c.0).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(map: &BTreeMap<String, String>) -> String {
        let escape = |text: &str| -> String { text.chars().flat_map(|c| ['\\', c]).collect() };
        let entries: Vec<String> = map
            .iter()
            .map(|(key, value)| format!("{}={}", escape(key), escape(value)))
            .collect();
        entries.join(", ")
    }

    #[test]
    fn maps_are_read_by_the_rules_that_users_know() {
        let table: [(&str, &[(&str, &str)]); 12] = [
            ("", &[]),
            (" , ,", &[]),
            ("a=1", &[("a", "1")]),
            ("a=1,b=2", &[("a", "1"), ("b", "2")]),
            (" a = 1 , b = 2 , ", &[("a", "1"), ("b", "2")]),
            ("a=", &[("a", "")]),
            ("a=,b=2", &[("a", ""), ("b", "2")]),
            ("a=b=c", &[("a", "b=c")]),
            ("a=1,2,b=3", &[("a", "1,2"), ("b", "3")]),
            (r"a=1\,b=2", &[("a", "1,b=2")]),
            (r"a\=b=c", &[("a=b", "c")]),
            (r"a=\ 1\\", &[("a", r" 1\")]),
        ];
        for (text, expected) in table {
            let expected = expected
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect();
            assert_eq!(map(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn a_map_that_is_none_is_explained() {
        let table = [
            ("a", r#""a" is no list of key=value, with commas between"#),
            (
                "a,b=1",
                r#""a,b=1" is no list of key=value, with commas between"#,
            ),
            ("=1", r#""=1" has a value without a key; write key=value"#),
            ("a=1,a=1", r#""a=1,a=1" gives a twice"#),
        ];
        for (text, expected) in table {
            assert_eq!(map(text), Err(expected.to_owned()));
        }
    }

    #[test]
    fn booleans_are_those_of_go() {
        for yes in YES {
            assert_eq!(boolean(yes), Ok(true));
        }
        for no in NO {
            assert_eq!(boolean(no), Ok(false));
        }
        for bad in ["", "yes", "tRUE", "on", "2"] {
            assert!(boolean(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn numbers_have_a_range() {
        assert_eq!(number("5", &(5..=300)), Ok(5));
        assert_eq!(number("300", &(5..=300)), Ok(300));
        for bad in ["4", "301", "", "5.0", "10s", "-5", "99999999999999"] {
            assert!(number::<u16>(bad, &(5..=300)).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_map_is_read_back_as_it_was_written(
            entries in proptest::collection::btree_map(any::<String>().prop_filter("a key", |k| !k.is_empty()), any::<String>(), 0..6),
        ) {
            prop_assert_eq!(map(&written(&entries)), Ok(entries));
        }

        #[test]
        fn no_text_makes_the_reading_panic(text in any::<String>()) {
            let _ = (map(&text), list(&text), boolean(&text), number::<u8>(&text, &(2..=10)));
        }
    }
}
