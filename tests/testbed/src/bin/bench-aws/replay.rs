//! How fast could it be with the very calls that Roadstead makes? Those that it made for one new Service, asked again with the same
//! parameters for a load balancer of another name: one after another, as a script would, on a connection that is kept.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use roadstead_testbed::{
    fault_proxy::{AwsService, Call, Calls},
    localstack::Caller,
};

/// What was asked for one Service, in an order in which nothing is asked before what it is about is there.
pub(crate) struct Recorded {
    calls: Vec<Step>,
    /// The cluster's mark, which what is made here must not carry: its controller would take it for a Service's.
    cluster: String,
}

struct Step {
    service: &'static str,
    action: String,
    parameters: BTreeMap<String, String>,
    /// The id of what it made, if it made something.
    made: Option<String>,
}

/// The tag by which a controller knows its own.
const CLUSTER: &str = "roadstead.dev/cluster";

/// A cluster that does not exist.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// The elements of answers that hold the ids of what was made.
const IDS: [&str; 3] = ["groupId", "TargetGroupArn", "LoadBalancerArn"];

/// The parameters that are names of what is to be made.
const NAMES: [&str; 2] = ["GroupName", "Name"];

// === impl Recorded ===

impl Recorded {
    /// What was asked in `calls`, all of which were for one new Service.
    ///
    /// # Errors
    /// Something else is among them, as a read or a call that was refused.
    pub(crate) fn of(calls: &Calls) -> Result<Self> {
        let recorded: Result<Vec<Step>> = calls.iter().map(Step::of).collect();
        let recorded = recorded?;
        let cluster = recorded.iter().find_map(Step::cluster);
        Ok(Self {
            cluster: cluster.context("none of the calls carries the cluster's mark")?,
            calls: recorded,
        })
    }

    /// How many calls it takes.
    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Which calls, in their order.
    pub(crate) fn told(&self) -> String {
        let actions = self.calls.iter().map(|step| step.action.as_str());
        actions.collect::<Vec<_>>().join(", ")
    }

    /// Asks all of it again, for things called `name`.
    pub(crate) async fn again(&self, caller: &Caller, name: &str) -> Result<()> {
        let mut instead = BTreeMap::from([(self.cluster.clone(), NOBODY.to_owned())]);
        for (n, step) in self.calls.iter().enumerate() {
            for key in NAMES {
                if let Some(was) = step.parameters.get(key) {
                    instead.insert(was.clone(), format!("{name}-{n}"));
                }
            }
            let parameters: Vec<(&str, &str)> = step
                .parameters
                .iter()
                .map(|(key, was)| (key.as_str(), instead.get(was).unwrap_or(was).as_str()))
                .collect();
            let answer = caller.call(step.service, &step.action, &parameters).await?;
            if let Some(was) = &step.made {
                let made = id(&answer)
                    .with_context(|| format!("looking for what {} made", step.action))?;
                instead.insert(was.clone(), made);
            }
        }
        Ok(())
    }
}

// === impl Step ===

impl Step {
    fn of(call: &Call) -> Result<Self> {
        let answer = call.answer.as_ref().filter(|answer| answer.is_success());
        let answer = answer.with_context(|| format!("{} got no good answer", call.action))?;
        ensure!(call.mutates(), "{} makes nothing", call.action);
        let service = match call.service {
            AwsService::Ec2 => "ec2",
            AwsService::Elbv2 => "elasticloadbalancing",
            other => bail!("{} is asked of {other:?}", call.action),
        };
        let mut parameters = call.params.clone();
        for common in ["Action", "Version"] {
            parameters.remove(common);
        }
        let makes = call.action.starts_with("Create") && call.action != "CreateListener";
        Ok(Self {
            service,
            action: call.action.clone(),
            parameters,
            made: makes.then(|| id(&answer.text())).flatten(),
        })
    }

    /// The value of the tag [`CLUSTER`], which has the key that differs from its own in the last part.
    fn cluster(&self) -> Option<String> {
        let (key, _) = self
            .parameters
            .iter()
            .find(|(_, value)| *value == CLUSTER)?;
        let value = format!("{}.Value", key.strip_suffix(".Key")?);
        self.parameters.get(&value).cloned()
    }
}

/// The id that an answer tells.
fn id(xml: &str) -> Option<String> {
    IDS.iter().find_map(|tag| {
        let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
        let (text, _) = rest.split_once('<')?;
        Some(text.to_owned())
    })
}
