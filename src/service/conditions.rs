//! What is said of a Service, in which words? The closed set of conditions and reasons. Pure.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition as KubeCondition;
use roadstead_core::ErrorKind;

/// A condition of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The request is valid and a provider took it.
    Accepted,
    /// The load balancer exists as asked, and its address is written.
    Programmed,
    /// Traffic reaches its targets.
    Healthy,
}

/// Whether it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holds {
    /// It does.
    True,
    /// It does not.
    False,
    /// It cannot be told.
    Unknown,
}

/// Why: documented one by one in the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Accepted: a provider took the request.
    Accepted,
    /// Accepted, Programmed: the request cannot be; only an edit helps.
    Invalid,
    /// Programmed: it is there.
    Programmed,
    /// Programmed: the provider needs more time.
    Pending,
    /// Programmed: something foreign is in the way.
    Conflict,
    /// Programmed: a limit is reached.
    Quota,
    /// Programmed: the provider's API asks for patience.
    Throttled,
    /// Programmed: the credentials do not allow it.
    Unauthorized,
    /// Programmed: the provider cannot be reached.
    Unavailable,
    /// Programmed: a bug.
    Internal,
    /// Programmed: the load balancer is being removed.
    Releasing,
    /// Healthy: traffic reaches a target.
    Healthy,
    /// Healthy: traffic reaches none.
    Unhealthy,
    /// Healthy: not known yet.
    Unknown,
    /// Healthy: a node announces the address.
    Announced,
    /// Healthy: no node announces the address.
    NotAnnounced,
    /// Healthy: somebody who is none of ours uses the address.
    AddressConflict,
}

/// One condition as it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which.
    pub kind: Kind,
    /// Whether it holds.
    pub holds: Holds,
    /// Why.
    pub reason: Reason,
    /// For people: names the object, the provider's own error, and what the user can do.
    pub message: String,
}

/// A condition's message may have 32 KiB; nobody reads more than this, and it is repeated in an event.
const MAX_MESSAGE: usize = 1024;

// === impl Kind ===

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Programmed, Self::Healthy];

    /// The condition's type: `roadstead.dev/Accepted`.
    #[must_use]
    pub fn type_(self) -> &'static str {
        match self {
            Self::Accepted => "roadstead.dev/Accepted",
            Self::Programmed => "roadstead.dev/Programmed",
            Self::Healthy => "roadstead.dev/Healthy",
        }
    }

    /// The condition of this kind among `conditions`.
    #[must_use]
    pub fn find(self, conditions: &[KubeCondition]) -> Option<&KubeCondition> {
        conditions
            .iter()
            .find(|condition| condition.type_ == self.type_())
    }
}

// === impl Holds ===

impl Holds {
    /// As Kubernetes writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

// === impl Reason ===

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 17] = [
        Self::Accepted,
        Self::Invalid,
        Self::Programmed,
        Self::Pending,
        Self::Conflict,
        Self::Quota,
        Self::Throttled,
        Self::Unauthorized,
        Self::Unavailable,
        Self::Internal,
        Self::Releasing,
        Self::Healthy,
        Self::Unhealthy,
        Self::Unknown,
        Self::Announced,
        Self::NotAnnounced,
        Self::AddressConflict,
    ];

    /// As Kubernetes writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Invalid => "Invalid",
            Self::Programmed => "Programmed",
            Self::Pending => "Pending",
            Self::Conflict => "Conflict",
            Self::Quota => "Quota",
            Self::Throttled => "Throttled",
            Self::Unauthorized => "Unauthorized",
            Self::Unavailable => "Unavailable",
            Self::Internal => "Internal",
            Self::Releasing => "Releasing",
            Self::Healthy => "Healthy",
            Self::Unhealthy => "Unhealthy",
            Self::Unknown => "Unknown",
            Self::Announced => "Announced",
            Self::NotAnnounced => "NotAnnounced",
            Self::AddressConflict => "AddressConflict",
        }
    }
}

impl From<ErrorKind> for Reason {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidSpec => Self::Invalid,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Quota => Self::Quota,
            ErrorKind::Throttled => Self::Throttled,
            ErrorKind::Unauthorized => Self::Unauthorized,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::Internal => Self::Internal,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Condition ===

impl Condition {
    /// A condition; a message that is too long is cut where a character ends.
    pub fn new(kind: Kind, holds: Holds, reason: Reason, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MAX_MESSAGE {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE - '…'.len_utf8()));
            message.push('…');
        }
        Self {
            kind,
            holds,
            reason,
            message,
        }
    }

    /// A condition of ours as it was written; `None` if it is not ours, or of a version that said other things.
    #[must_use]
    pub fn read(written: &KubeCondition) -> Option<Self> {
        let holds = [Holds::True, Holds::False, Holds::Unknown];
        Some(Self {
            kind: Kind::ALL
                .into_iter()
                .find(|kind| kind.type_() == written.type_)?,
            holds: holds
                .into_iter()
                .find(|holds| holds.as_str() == written.status)?,
            reason: Reason::ALL
                .into_iter()
                .find(|reason| reason.as_str() == written.reason)?,
            message: written.message.clone(),
        })
    }

    /// True if `written` says the same; when it came to hold does not count.
    #[must_use]
    pub fn is(&self, written: &KubeCondition) -> bool {
        written.type_ == self.kind.type_()
            && written.status == self.holds.as_str()
            && written.reason == self.reason.as_str()
            && written.message == self.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let condition = Condition::new(
            Kind::Programmed,
            Holds::False,
            Reason::Quota,
            "ü".repeat(2_000),
        );
        assert!(condition.message.len() <= MAX_MESSAGE && condition.message.ends_with("ü…"));
    }
}
