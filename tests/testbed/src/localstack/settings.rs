//! How slow is this AWS, and how much does it allow?
//!
//! What AWS decides by itself and a test must be able to choose. Nothing is sent here.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// What an account behaves by. Each change holds from the next call on, for what exists as well.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Settings {
    /// How long things take.
    pub delays: Delays,
    /// How much there may be.
    pub quotas: Quotas,
}

/// How long things take that are not done when a call returns. By default nothing takes any time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Delays {
    /// From `provisioning` to `active`. On AWS one to five minutes.
    #[serde(serialize_with = "seconds")]
    pub provisioning: Duration,
    /// From `initial` to `healthy`, for a target whose group receives traffic. On AWS the health check's interval
    /// times its healthy threshold.
    #[serde(serialize_with = "seconds")]
    pub registration: Duration,
    /// By what a target group's `deregistration_delay.timeout_seconds` is multiplied: how long a target is
    /// `draining`. 1 is AWS's own time, 0 makes a target vanish at once.
    pub draining_scale: f64,
    /// How long the network interfaces of a deleted load balancer stay, and with them its security groups and elastic
    /// addresses in use. On AWS up to minutes.
    #[serde(serialize_with = "seconds")]
    pub release: Duration,
}

/// How much an account and its objects may have. The defaults are AWS's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct Quotas {
    /// Network Load Balancers in the region.
    pub load_balancers: u32,
    /// Target groups in the region.
    pub target_groups: u32,
    /// Listeners of a load balancer.
    pub listeners: u32,
    /// Certificates of a load balancer, not counting each listener's default one.
    pub certificates: u32,
    /// Targets of a target group.
    pub targets_per_group: u32,
    /// Targets of a load balancer, all its groups together.
    pub targets_per_load_balancer: u32,
    /// Targets of a load balancer in one availability zone; with cross-zone load balancing, in all of them together.
    pub targets_per_zone: u32,
    /// Rules of a security group in one direction.
    pub rules_per_security_group: u32,
    /// Security groups in the region.
    pub security_groups: u32,
    /// Security groups of a load balancer.
    pub security_groups_per_load_balancer: u32,
}

// === impl Quotas ===

impl Default for Quotas {
    fn default() -> Self {
        Self {
            load_balancers: 50,
            target_groups: 3000,
            listeners: 50,
            certificates: 25,
            targets_per_group: 1000,
            targets_per_load_balancer: 3000,
            targets_per_zone: 500,
            rules_per_security_group: 60,
            security_groups: 2500,
            security_groups_per_load_balancer: 5,
        }
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
