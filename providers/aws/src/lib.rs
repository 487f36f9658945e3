//! Network Load Balancers of AWS behind the contract of `roadstead-core`.

#![expect(
    dead_code,
    reason = "its pieces arrive one after the other; the provider that uses them comes last"
)]

mod ids;
mod names;
mod params;
mod policy;
mod tags;
mod types;

pub use self::{
    params::Defaults,
    policy::IAM_POLICY,
    types::{Scheme, TargetType, UnknownWordError},
};
