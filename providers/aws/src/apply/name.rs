//! Is a name free that a load balancer is to have? Asked before anything is made for it, and once more right before it.

use std::time::Duration;

use roadstead_core::{Error, ErrorKind, LoadBalancerId};

use super::{Failure, Result, failure};
use crate::{
    NAME,
    api::{Calls, Which},
    desired::{Variant, variant_slot},
    mirror::Mirror,
    names,
};

/// Before anything is made, it is believed for so long that a name is free, or is not.
pub(crate) const BELIEVED: Duration = Duration::from_secs(10);

/// The name that a load balancer of this variant gets: `name`, unless the one that it replaces has it.
///
/// A name of ours is a function of whose it is, and free unless a list said otherwise. One that the user chose may be
/// anybody's: AWS is asked, unless that is known and not older than `believed`. Right before it is made nothing is: AWS
/// answers with what is there if somebody else just made one with the same settings.
///
/// # Errors
/// Somebody else has it.
pub(crate) async fn free_name(
    calls: &Calls,
    mirror: &Mirror,
    id: &LoadBalancerId,
    variant: Variant,
    name: &str,
    believed: Duration,
) -> Result<String> {
    let taken = |who: &str| taken("load balancer", name, who);
    match mirror.owner_of_name(name) {
        Some(owner) if owner == id.owner => {
            return Ok(names::name(&id.cluster, &id.owner, &variant_slot(variant)));
        }
        Some(_) => return Err(taken("another Service of this cluster has it")),
        None => {}
    }
    let listed = mirror.listed().is_some_and(|at| at.elapsed() < believed);
    match mirror.foreign(name) {
        Some(arn) if listed => return Err(taken(arn.as_str())),
        // It may have gone since.
        Some(_) => {}
        None => {
            let ours = name.starts_with(&names::cluster_prefix(&id.cluster));
            if ours || listed || mirror.was_free(name, believed) {
                return Ok(name.to_owned());
            }
        }
    }
    let asked = [name.to_owned()];
    let found = match calls.load_balancers(Which::Names(&asked)).await {
        Ok(found) => found.into_iter().next(),
        Err(error) if error.is_not_found() => None,
        Err(error) => {
            return Err(failure(
                error,
                format_args!("looking whether the name {name} is free"),
            ));
        }
    };
    if let Some(there) = found {
        return Err(taken(there.arn.as_str()));
    }
    mirror.note_free(name);
    Ok(name.to_owned())
}

/// Somebody else has the name.
pub(super) fn taken(kind: &str, name: &str, who: &str) -> Failure {
    Failure {
        error: Error::new(
            ErrorKind::Conflict,
            NAME,
            format!(
                "a {kind} named {name} exists and is not this Service's ({who}); remove it, or choose another name with \
                 service.beta.kubernetes.io/aws-load-balancer-name; a load balancer can be taken over with roadstead.dev/adopt"
            ),
        ),
        surprised: false,
    }
}
