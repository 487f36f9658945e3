//! What went wrong, and what follows from it? The kinds a controller can act on; the provider's own error stays the source.

use std::{error::Error as StdError, fmt, time::Duration};

use crate::ProviderName;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is: a closed set, fit for a metric's label and a condition's reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The Service asks for something that cannot be: only an edit helps.
    InvalidSpec,
    /// Something foreign is in the way: a taken name, an address in use.
    Conflict,
    /// A limit of the account or of an address pool is reached.
    Quota,
    /// The provider's API asks for patience.
    Throttled,
    /// The credentials do not allow it.
    Unauthorized,
    /// The provider cannot be reached or did not answer in time.
    Unavailable,
    /// A bug, ours or the provider's.
    Internal,
}

/// When to try again. The only input of the error policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// When the object changes; trying again before that is in vain.
    OnChange,
    /// After so long, as the provider said itself.
    After(Duration),
    /// With exponential backoff.
    Backoff,
}

/// A provider's failure.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    provider: ProviderName,
    message: String,
    retry_after: Option<Duration>,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

// === impl ErrorKind ===

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::InvalidSpec,
        Self::Conflict,
        Self::Quota,
        Self::Throttled,
        Self::Unauthorized,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The label in metrics and flags: `quota`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::InvalidSpec => "invalid-spec",
            Self::Conflict => "conflict",
            Self::Quota => "quota",
            Self::Throttled => "throttled",
            Self::Unauthorized => "unauthorized",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The kind of this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }
}

// === impl Error ===

impl Error {
    /// A failure; `message` says what was being done to which object, and what the user can do.
    pub fn new(kind: ErrorKind, provider: ProviderName, message: impl Into<String>) -> Self {
        Self {
            kind,
            provider,
            message: message.into(),
            retry_after: None,
            source: None,
        }
    }

    /// Keeps the error below.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whose it is.
    #[must_use]
    pub fn provider(&self) -> ProviderName {
        self.provider
    }

    /// When to try again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match (self.kind, self.retry_after) {
            (ErrorKind::InvalidSpec, _) => Retry::OnChange,
            (_, Some(after)) => Retry::After(after),
            (
                ErrorKind::Conflict
                | ErrorKind::Quota
                | ErrorKind::Throttled
                | ErrorKind::Unauthorized
                | ErrorKind::Unavailable
                | ErrorKind::Internal,
                None,
            ) => Retry::Backoff,
        }
    }
}

/// An error with its sources, each said once: foreign errors often carry their source's text in their own.
pub fn chain(error: &(dyn StdError + 'static)) -> impl fmt::Display {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !said.contains(&text) {
            said.push_str(": ");
            said.push_str(&text);
        }
        source = cause.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOCK: ProviderName = ProviderName::new("mock");

    #[test]
    fn only_an_edit_cures_an_invalid_spec() {
        for kind in ErrorKind::ALL {
            let retry = Error::new(kind, MOCK, "x").retry();
            assert_eq!(
                retry == Retry::OnChange,
                kind == ErrorKind::InvalidSpec,
                "{kind:?}"
            );
        }
        let told =
            Error::new(ErrorKind::Throttled, MOCK, "x").with_retry_after(Duration::from_secs(3));
        assert_eq!(told.retry(), Retry::After(Duration::from_secs(3)));
    }

    #[test]
    fn a_chain_says_each_cause_once() {
        let inner = std::io::Error::other("connection refused");
        let error =
            Error::new(ErrorKind::Unavailable, MOCK, "creating listener 80/TCP").with_source(inner);
        assert_eq!(
            chain(&error).to_string(),
            "creating listener 80/TCP: connection refused"
        );
        let twice = Error::new(ErrorKind::Internal, MOCK, "outer: inner")
            .with_source(std::io::Error::other("inner"));
        assert_eq!(chain(&twice).to_string(), "outer: inner");
    }

    #[test]
    fn labels_are_read_back() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_label(kind.label()), Some(kind));
        }
    }
}
