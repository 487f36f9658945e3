//! What did AWS say when a call failed, and may the call have taken effect nevertheless? The one place that reads the SDK's errors.

use std::{error::Error as StdError, fmt, time::Duration};

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use roadstead_core::ErrorKind;

use super::{actions::Action, codes, message};
use crate::NAME;

/// `Result` with this module's [`Error`].
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// A call of AWS's API that failed.
#[derive(Debug)]
pub(crate) struct Error {
    action: Action,
    code: Option<String>,
    /// AWS's own sentence, whole but for what only AWS can read; or what prevented an answer.
    message: String,
    kind: ErrorKind,
    failure: Failure,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// How a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It never left.
    NotSent,
    /// AWS said no.
    Refused,
    /// AWS failed within.
    Failed,
    /// The connection ended before an answer, or never came about.
    NoAnswer,
    /// No answer came in time.
    TimedOut,
    /// An answer came that says less than it must.
    Unreadable,
}

// === impl Error ===

impl Error {
    /// What the SDK's error says.
    pub(super) fn from_sdk<E>(action: Action, error: SdkError<E, Response>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(refused) => {
                let status = refused.raw().status().as_u16();
                let meta = refused.err().meta();
                Self::answered(action, status, meta.code(), meta.message())
            }
            SdkError::ConstructionFailure(_) => Self::broken(action, Failure::NotSent, error),
            SdkError::ResponseError(_) => Self::broken(action, Failure::Unreadable, error),
            SdkError::TimeoutError(_) => Self::broken(action, Failure::TimedOut, error),
            SdkError::DispatchFailure(ref failure) if failure.is_timeout() => {
                Self::broken(action, Failure::TimedOut, error)
            }
            _ => Self::broken(action, Failure::NoAnswer, error),
        }
    }

    /// AWS answered that it does not do it.
    pub(crate) fn answered(
        action: Action,
        status: u16,
        code: Option<&str>,
        said: Option<&str>,
    ) -> Self {
        let known = code.and_then(codes::kind);
        let failed = status >= 500 && known.is_none_or(|kind| kind == ErrorKind::Unavailable);
        Self {
            action,
            code: code.map(ToOwned::to_owned),
            message: said
                .map(message::readable)
                .filter(|said| !said.is_empty())
                .unwrap_or_else(|| format!("HTTP status {status}")),
            kind: known.unwrap_or(match status {
                401 | 403 => ErrorKind::Unauthorized,
                429 => ErrorKind::Throttled,
                500.. => ErrorKind::Unavailable,
                _ => ErrorKind::Internal,
            }),
            failure: if failed {
                Failure::Failed
            } else {
                Failure::Refused
            },
            retry_after: None,
            source: None,
        }
    }

    /// There was no answer to read.
    fn broken<E>(action: Action, failure: Failure, error: SdkError<E, Response>) -> Self
    where
        E: StdError + Send + Sync + 'static,
    {
        let source: Box<dyn StdError + Send + Sync> = match error.into_source() {
            Ok(source) => source,
            Err(error) => Box::new(error),
        };
        let message = roadstead_core::chain(&*source).to_string();
        let no_credentials = has_source::<CredentialsError>(&*source);
        Self {
            action,
            code: None,
            message,
            kind: match failure {
                _ if no_credentials => ErrorKind::Unauthorized,
                Failure::NoAnswer | Failure::TimedOut | Failure::Failed => ErrorKind::Unavailable,
                Failure::NotSent | Failure::Refused | Failure::Unreadable => ErrorKind::Internal,
            },
            failure: if no_credentials {
                Failure::NotSent
            } else {
                failure
            },
            retry_after: None,
            source: Some(source),
        }
    }

    /// AWS answered without something that every such answer has.
    pub(super) fn lacking(action: Action, field: &str) -> Self {
        Self {
            action,
            code: None,
            message: format!("it has no {field}"),
            kind: ErrorKind::Internal,
            failure: Failure::Unreadable,
            retry_after: None,
            source: None,
        }
    }

    /// Says when there will be tokens again.
    #[must_use]
    pub(super) fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// AWS's error code, if AWS gave one.
    pub(crate) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Whether AWS gave this error code.
    pub(crate) fn is_code(&self, code: &str) -> bool {
        self.code() == Some(code)
    }

    /// Whether the load balancer, listener, target group or security group that the call is about does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.code().is_some_and(codes::is_not_found)
    }

    /// Whether no policy allows the call, as far as AWS could tell.
    pub(crate) fn is_denied(&self) -> bool {
        self.code().is_some_and(codes::is_denied)
    }

    /// What kind of failure it is.
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// How the call failed.
    pub(crate) fn failure(&self) -> Failure {
        self.failure
    }

    /// Whether the change may have been made although the call failed; a refusal is certain.
    pub(crate) fn may_have_taken_effect(&self) -> bool {
        match self.failure {
            Failure::NotSent | Failure::Refused => false,
            Failure::Failed | Failure::NoAnswer | Failure::TimedOut | Failure::Unreadable => {
                !self.action.is_read()
            }
        }
    }

    /// The targets that AWS named as ones that cannot be registered.
    pub(crate) fn invalid_targets(&self) -> Vec<String> {
        if self.is_code("InvalidTarget") {
            message::targets(&self.message)
        } else {
            Vec::new()
        }
    }

    /// AWS's own sentence.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The outcome as a metric's label.
    pub(super) fn label(&self) -> &'static str {
        if self.is_not_found() {
            "not-found"
        } else {
            self.kind.label()
        }
    }

    /// This failure as the controller knows failures.
    ///
    /// `what` says what was being done to which object. The message goes on with AWS's own words and what the user can do.
    pub(crate) fn into_core(self, what: impl fmt::Display) -> roadstead_core::Error {
        let advice = self.advice();
        let message = if advice.is_empty() {
            format!("{what}: {self}")
        } else {
            format!("{what}: {self}; {advice}")
        };
        let retry_after = self.retry_after;
        let error = roadstead_core::Error::new(self.kind, NAME, message).with_source(self);
        match retry_after {
            Some(after) => error.with_retry_after(after),
            None => error,
        }
    }

    /// What the user can do; empty: wait.
    fn advice(&self) -> String {
        if self.kind == ErrorKind::Unauthorized {
            return match self.code() {
                Some(code) if codes::is_denied(code) => {
                    let missing = message::missing_action(&self.message)
                        .unwrap_or_else(|| self.action.as_str());
                    format!(
                        "allow {missing} in the controller's IAM policy; `roadstead aws iam-policy` prints all that it needs"
                    )
                }
                Some(code) => codes::advice(code).to_owned(),
                None => "check the controller's credentials".to_owned(),
            };
        }
        self.code().map_or("", codes::advice).to_owned()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            action, message, ..
        } = self;
        let message = message::cut(message);
        match self.failure {
            Failure::NotSent => write!(f, "{action} could not be sent: {message}"),
            Failure::Refused => write!(f, "{action} was refused: {message}"),
            Failure::Failed => write!(f, "{action} failed at AWS: {message}"),
            Failure::NoAnswer => write!(f, "{action} got no answer: {message}"),
            Failure::TimedOut => write!(f, "{action} got no answer in time: {message}"),
            Failure::Unreadable => {
                write!(f, "{action} got an answer that cannot be read: {message}")
            }
        }?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// `value`, which every answer to `action` has in `field`.
pub(super) fn required<T>(action: Action, field: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::lacking(action, field))
}

/// Whether an error of this type is among the causes.
fn has_source<T: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<T>() {
            return true;
        }
        cause = error.source();
    }
    false
}
