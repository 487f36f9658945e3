//! How does a load balancer go? Its address is taken off the Service first, its finalizer last.

use k8s_openapi::api::core::v1::Service;
use roadstead_core::{LoadBalancerId, NamespacedName, Plan, ProviderName, Released, chain};

use super::{
    Context,
    aim::Aim,
    finalizer,
    publish::{publish, say, take_health_away},
    reconcile::{SOON, Verdict},
    report::Reporter,
    said::Said,
    writes,
};
use crate::service::{
    intent::Why,
    status::{self, Desired},
};

pub(super) async fn release(
    context: &Context,
    key: &NamespacedName,
    service: &Service,
    name: ProviderName,
    id: &LoadBalancerId,
    why: Why,
    aim: &Aim,
) -> writes::Result<Verdict> {
    let Some(provider) = context.provider(name) else {
        return Ok(Verdict::quiet("ignored"));
    };
    if context.memory.is_swept(id) {
        return Ok(Verdict::after("waiting", SOON));
    }
    let typos = context.typos(service, name);
    let mut latest = None;
    // Nobody may be sent to an address that is about to be somebody else's. (One that is there after a change of class
    // was written by whoever answers to the new one: only the API server's own clearing lies between the two.)
    if why != Why::ClassChanged && !status::addresses(service).is_empty() {
        let reporter = context.reporter(service, name, &typos, false);
        latest = publish(
            context,
            key,
            &reporter,
            &reporter.releasing(None),
            &Plan::default(),
            false,
        )
        .await?;
    }
    let service = latest.as_ref().unwrap_or(service);
    let reporter = context.reporter(service, name, &typos, false);
    match provider.release(id).await {
        Ok(Released::Gone) => {
            released(context, key, &reporter, why).await?;
            // Another class may have been waiting for this.
            Ok(Verdict::after("released", SOON))
        }
        Ok(Released::InProgress {
            waiting_for,
            retry_after,
        }) => {
            let desired = leaving_addresses(reporter.releasing(Some(&waiting_for)), why);
            let written =
                publish(context, key, &reporter, &desired, &Plan::default(), false).await?;
            context.retries.forget(key);
            let verdict = Verdict::after("releasing", retry_after);
            context.rest(key, written.as_ref().unwrap_or(service), aim, verdict.again);
            Ok(verdict)
        }
        Err(error) => {
            let desired = leaving_addresses(reporter.release_failed(&error), why);
            let written =
                publish(context, key, &reporter, &desired, &Plan::default(), false).await?;
            if written.is_some() {
                tracing::warn!(provider = %name, error = %chain(&error), "releasing failed");
            }
            let verdict = context.release_failed(key, &error);
            context.rest(key, written.as_ref().unwrap_or(service), aim, verdict.again);
            Ok(verdict)
        }
    }
}

fn leaving_addresses(desired: Desired, why: Why) -> Desired {
    match why {
        Why::ClassChanged => Desired {
            addresses: None,
            ..desired
        },
        Why::Deleted | Why::TypeChanged => desired,
    }
}

/// Nothing is left: the conditions go where the Service stays, then the finalizer.
async fn released(
    context: &Context,
    key: &NamespacedName,
    reporter: &Reporter<'_>,
    why: Why,
) -> writes::Result<()> {
    let (service, name) = (reporter.service, reporter.provider);
    let written = match why {
        Why::Deleted => None,
        Why::TypeChanged | Why::ClassChanged => {
            let others_report_health = !reporter.reports_health;
            let nothing = Desired::nothing();
            let written = say(context, key, service, &nothing, others_report_health).await?;
            let service = written.as_ref().unwrap_or(service);
            let healed = take_health_away(context, key, service).await?;
            healed.or(written)
        }
    };
    let service = written.as_ref().unwrap_or(service);
    if let Some(written) = finalizer::remove(&context.writes, service, name).await? {
        context.memory.wrote(key, &written);
    }
    let reason = match why {
        Why::Deleted => "the Service was deleted",
        Why::TypeChanged => "the Service is no longer of type LoadBalancer",
        Why::ClassChanged => "the Service asks for another class",
    };
    context.events.of_service(
        service,
        Said::normal("DeletedLoadBalancer", format!("released: {reason}")),
    );
    tracing::info!(provider = %name, reason, "released");
    context.memory.let_go(key);
    context.gates.forget(key);
    context.retries.forget(key);
    Ok(())
}
