//! Which steps has the demo, and what can be done where one fails? Words only.

use std::fmt;

/// A step, in the order of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    ControlPlane,
    Binary,
    Cluster,
    Controller,
    Services,
    Cure,
    Status,
    /// The last one with `--once`.
    Delete,
    /// The last one otherwise.
    Stay,
    /// A step of the demo of Network Load Balancers, after those of building.
    Nlb(NlbStep),
    /// A step of the demo of addresses on a network, after those of building.
    Layer2(Layer2Step),
}

/// What is shown of addresses on a network, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer2Step {
    Lab,
    Fleet,
    Service,
    Handover,
    Crash,
    /// The last one with `--once`.
    Delete,
    /// The last one otherwise.
    Stay,
}

/// What is shown of Network Load Balancers, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NlbStep {
    LocalStack,
    Cluster,
    Plan,
    Service,
    Edit,
    Node,
    /// The last one with `--once`.
    Delete,
    /// The last one otherwise.
    Stay,
}

// === impl Step ===

impl Step {
    const LAST: usize = 8;

    fn number(self) -> usize {
        match self {
            Self::ControlPlane => 1,
            Self::Binary => 2,
            Self::Cluster => 3,
            Self::Controller => 4,
            Self::Services => 5,
            Self::Cure => 6,
            Self::Status => 7,
            Self::Delete | Self::Stay => Self::LAST,
            Self::Nlb(step) => match step {
                NlbStep::LocalStack => 3,
                NlbStep::Cluster => 4,
                NlbStep::Plan => 5,
                NlbStep::Service => 6,
                NlbStep::Edit => 7,
                NlbStep::Node => 8,
                NlbStep::Delete | NlbStep::Stay => 9,
            },
            Self::Layer2(step) => match step {
                Layer2Step::Lab => 3,
                Layer2Step::Fleet => 4,
                Layer2Step::Service => 5,
                Layer2Step::Handover => 6,
                Layer2Step::Crash => 7,
                Layer2Step::Delete | Layer2Step::Stay => Self::LAST,
            },
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::ControlPlane => {
                "Build kube-apiserver and etcd from source (the first time: about 8 minutes)"
            }
            Self::Binary => "Build roadstead with cargo (the first time: about 3 minutes)",
            Self::Cluster => "Start etcd and kube-apiserver, and register three nodes",
            Self::Controller => "Run roadstead controller --provider mock",
            Self::Services => "Create three Services",
            Self::Cure => "Correct the error in shop",
            Self::Status => "Ask roadstead for the state of all Services",
            Self::Delete => "Delete the Services",
            Self::Stay => "Stay up until Ctrl-C, showing what changes",
            Self::Nlb(step) => match step {
                NlbStep::LocalStack => {
                    "Start LocalStack, an AWS on this machine (the first time: about a minute)"
                }
                NlbStep::Cluster => {
                    "Start etcd and kube-apiserver, register three instances as nodes, run the controller"
                }
                NlbStep::Plan => "Ask what would be done for a Service, before it exists",
                NlbStep::Service => "Create it",
                NlbStep::Edit => "Give it a second port",
                NlbStep::Node => "Add a node",
                NlbStep::Delete => "Delete the Service",
                NlbStep::Stay => "Stay up until Ctrl-C",
            },
            Self::Layer2(step) => match step {
                Layer2Step::Lab => {
                    "Start kube-apiserver, three nodes with kube-proxy, and a client, each with a network of its own"
                }
                Layer2Step::Fleet => {
                    "Run roadstead controller, and roadstead announce on every node"
                }
                Layer2Step::Service => "Create a Service, and ask it from the client",
                Layer2Step::Handover => "End the announcer in order, asking every millisecond",
                Layer2Step::Crash => {
                    "Take the announcing node's power away, asking every millisecond"
                }
                Layer2Step::Delete => "Delete the Service",
                Layer2Step::Stay => "Stay up until Ctrl-C",
            },
        }
    }

    /// What a user can do who sees it fail.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::ControlPlane | Self::Binary => {
                "correct what the error names and run cargo demo again; what was built is kept."
            }
            Self::Cluster
            | Self::Controller
            | Self::Services
            | Self::Cure
            | Self::Status
            | Self::Delete
            | Self::Nlb(_)
            | Self::Layer2(_) => {
                "run cargo demo again, on a busy machine with --deadline 5m; if it fails again, it is a bug: report it \
                 with the above."
            }
            Self::Stay => {
                "if you ended the program yourself, nothing; otherwise it is a bug: report it with the above."
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nlb(_) => write!(f, "{}/9  {}", self.number(), self.title()),
            _ => write!(f, "{}/{}  {}", self.number(), Self::LAST, self.title()),
        }
    }
}
