//! How is one failure told to all who waited for the same call?

use std::{fmt, sync::Arc};

use roadstead_core::{Error, ErrorKind, Retry};

use crate::{NAME, api};

/// A failure that several Services may get: the same call was for all of them.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Arc<Error>);

// === impl Failure ===

impl Failure {
    /// A call failed; `what` says what was being done to which object.
    pub(crate) fn call(error: api::error::Error, what: impl fmt::Display) -> Self {
        Self(Arc::new(error.into_core(what)))
    }

    /// What was looked up does not do; `message` says why and what the user can do.
    pub(crate) fn refused(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Error::new(kind, NAME, message)))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let shared = match Arc::try_unwrap(failure.0) {
            Ok(error) => return error,
            Err(shared) => shared,
        };
        let error = Self::new(shared.kind(), shared.provider(), shared.to_string());
        match shared.retry() {
            Retry::After(after) => error.with_retry_after(after),
            Retry::OnChange | Retry::Backoff => error,
        }
        .with_source(shared)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn everybody_who_waited_gets_the_whole_failure() {
        let error = Error::new(ErrorKind::Throttled, NAME, "reading the subnets")
            .with_retry_after(Duration::from_secs(3))
            .with_source(std::io::Error::other("Rate exceeded"));
        let first = Failure(Arc::new(error));
        let second = first.clone();
        for error in [Error::from(first), Error::from(second)] {
            assert_eq!(error.retry(), Retry::After(Duration::from_secs(3)));
            assert_eq!(
                roadstead_core::chain(&error).to_string(),
                "reading the subnets: Rate exceeded"
            );
        }
    }
}
