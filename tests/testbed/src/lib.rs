//! What does a test, the demo or a benchmark stand on? A real control plane and real processes around it.
//!
//! Everything is built from pinned sources on first use and kept below cargo's target directory. Nothing here
//! knows what the controller decides: it starts things, breaks them on request, and says what it sees. What is
//! missing on a machine is an error that names it, never a reason to leave a test out.

pub mod audit;
pub mod cargo;
pub mod control_plane;
pub mod events;
pub mod fault_proxy;
pub mod figures;
mod http;
pub mod iam;
pub mod install;
pub mod kubeconfig;
pub mod lab;
pub mod localstack;
mod metrics;
pub mod objects;
mod ports;
pub mod process;
mod ready;
pub mod roadstead;
mod target;
pub mod tcp_proxy;
pub mod wait;

pub use k8s_openapi;
pub use kube;

pub use audit::{Audit, Request};
pub use control_plane::{ControlPlane, Options};
pub use events::{ObjectEvent, events_of};
pub use fault_proxy::FaultProxy;
pub use lab::{Lab, LabOptions};
pub use localstack::LocalStack;
pub use objects::{ServiceBuilder, add_node, namespace, node, service};
pub use process::{Process, Signal};
pub use roadstead::Roadstead;
pub use tcp_proxy::TcpProxy;
pub use wait::{addresses, condition, eventually, eventually_within, is_true, poll_until};
