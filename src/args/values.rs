//! What may a value look like that several flags take? In words, where it is none.

use std::time::Duration;

use jiff::SignedDuration;

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Result<SignedDuration, _> = text.parse();
    parsed
        .ok()
        .and_then(|signed| Duration::try_from(signed).ok())
        .ok_or_else(|| format!("{text:?} is no duration; write one like 500ms, 10s or 5m"))
}

pub(super) fn positive(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|parsed| {
        if parsed.is_zero() {
            Err("must be longer than zero".to_owned())
        } else {
            Ok(parsed)
        }
    })
}

pub(super) fn non_empty(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("must not be empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}
