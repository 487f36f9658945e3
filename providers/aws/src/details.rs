//! What must be read of a Service's things before they can be compared? Only what lists do not show, and only when it is not known.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;

use crate::{
    api::{Calls, Which},
    apply::{Failure, failure},
    ids::Arn,
    mirror::Mirror,
    observed::{ListenerObserved, LoadBalancerObserved, Observed, TargetGroupObserved},
};

/// How much is to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// Listeners and targets.
    Light,
    /// Attributes, certificates and capacity as well.
    Deep,
}

/// Reads what is not known of `observed`, into the mirror.
pub(crate) async fn read(
    calls: &Calls,
    mirror: &Mirror,
    observed: &Observed,
    depth: Depth,
) -> Result<(), Failure> {
    let balancers = observed
        .load_balancers
        .iter()
        .map(|there| read_load_balancer(calls, mirror, there, depth));
    let groups = observed
        .target_groups
        .iter()
        .map(|there| read_target_group(calls, mirror, there, depth));
    futures::try_join!(try_join_all(balancers), try_join_all(groups))?;
    Ok(())
}

async fn read_load_balancer(
    calls: &Calls,
    mirror: &Mirror,
    there: &LoadBalancerObserved,
    depth: Depth,
) -> Result<(), Failure> {
    let read = match load_balancer(calls, there, depth).await {
        Ok(read) => read,
        Err(failure) => {
            if failure.surprised {
                mirror.vanished_load_balancer(&there.seen.arn);
            }
            return Err(failure);
        }
    };
    mirror.edit_load_balancer(&there.seen.arn, |known| {
        known.attributes = read.attributes;
        known.listeners = read.listeners;
        known.capacity = read.capacity;
    });
    Ok(())
}

/// `there`, with what was missing.
pub(crate) async fn load_balancer(
    calls: &Calls,
    there: &LoadBalancerObserved,
    depth: Depth,
) -> Result<LoadBalancerObserved, Failure> {
    let arn = &there.seen.arn;
    let reading = |error: crate::api::Error| {
        failure(
            error,
            format_args!("reading load balancer {}", there.seen.name),
        )
    };
    let mut known = there.clone();
    if known.listeners.is_none() {
        let listed = calls.listeners(arn).await.map_err(reading)?;
        let listeners = listed.into_iter().map(|seen| {
            let it = ListenerObserved {
                certificates: None,
                attributes: None,
                seen,
            };
            (it.seen.arn.clone(), it)
        });
        known.listeners = Some(listeners.collect());
    }
    if depth == Depth::Light {
        return Ok(known);
    }
    if known.attributes.is_none() {
        known.attributes = Some(calls.load_balancer_attributes(arn).await.map_err(reading)?);
    }
    if let Some(listeners) = &mut known.listeners {
        try_join_all(
            listeners
                .values_mut()
                .map(|listener| read_listener(calls, listener)),
        )
        .await
        .map_err(reading)?;
    }
    Ok(known)
}

async fn read_listener(calls: &Calls, listener: &mut ListenerObserved) -> crate::api::Result<()> {
    use crate::types::ListenerProtocol::{Tcp, Tls};
    let arn: Arn = listener.seen.arn.clone();
    if listener.certificates.is_none() {
        listener.certificates = Some(if listener.seen.protocol == Tls {
            let listed = calls.listener_certificates(&arn).await?;
            listed.into_iter().collect()
        } else {
            BTreeSet::new()
        });
    }
    if listener.attributes.is_none() {
        // AWS knows attributes of TCP listeners only.
        listener.attributes = Some(if listener.seen.protocol == Tcp {
            calls.listener_attributes(&arn).await?
        } else {
            BTreeMap::new()
        });
    }
    Ok(())
}

/// Whether load balancers that were on their way are there by now.
pub(crate) async fn read_states(
    calls: &Calls,
    mirror: &Mirror,
    observed: &Observed,
) -> Result<(), Failure> {
    let under_way = observed
        .load_balancers
        .iter()
        .filter(|there| !there.seen.state.is_active());
    let arns: Vec<Arn> = under_way.map(|there| there.seen.arn.clone()).collect();
    if arns.is_empty() {
        return Ok(());
    }
    let seen = calls
        .load_balancers(Which::Arns(&arns))
        .await
        .map_err(|error| failure(error, "reading load balancers that are being made"))?;
    for seen in seen {
        mirror.edit_load_balancer(&seen.arn.clone(), |known| known.seen = seen);
    }
    Ok(())
}

/// The capacity reserved; asked for only where a Service reserves some.
pub(crate) async fn read_capacity(
    calls: &Calls,
    mirror: &Mirror,
    observed: &Observed,
) -> Result<(), Failure> {
    let unknown = observed
        .load_balancers
        .iter()
        .filter(|there| there.capacity.is_none());
    for there in unknown {
        let units = calls.capacity(&there.seen.arn).await.map_err(|error| {
            failure(
                error,
                format_args!("reading the capacity of load balancer {}", there.seen.name),
            )
        })?;
        mirror.edit_load_balancer(&there.seen.arn, |known| {
            known.capacity = Some(units.unwrap_or_default());
        });
    }
    Ok(())
}

async fn read_target_group(
    calls: &Calls,
    mirror: &Mirror,
    there: &TargetGroupObserved,
    depth: Depth,
) -> Result<(), Failure> {
    let arn = &there.seen.arn;
    let reading = |error: crate::api::Error| {
        if error.is_not_found() {
            mirror.vanished_target_group(arn);
        }
        failure(
            error,
            format_args!("reading target group {}", there.seen.name),
        )
    };
    if there.targets.is_none() {
        read_health(calls, mirror, there).await?;
    }
    if depth == Depth::Deep && there.attributes.is_none() {
        let attributes = calls.target_group_attributes(arn).await.map_err(reading)?;
        mirror.edit_target_group(arn, |known| known.attributes = Some(attributes));
    }
    Ok(())
}

/// Reads a target group's targets, and how they fare.
pub(crate) async fn read_health(
    calls: &Calls,
    mirror: &Mirror,
    there: &TargetGroupObserved,
) -> Result<(), Failure> {
    let arn = &there.seen.arn;
    let targets = calls.target_health(arn).await.map_err(|error| {
        if error.is_not_found() {
            mirror.vanished_target_group(arn);
        }
        failure(
            error,
            format_args!("reading the targets of target group {}", there.seen.name),
        )
    })?;
    mirror.edit_target_group(arn, |known| {
        known.targets = Some(targets);
        known.refused.clear();
    });
    Ok(())
}
