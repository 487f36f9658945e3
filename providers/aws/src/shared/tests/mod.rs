//! What is asked of EC2 for all Services together, what is left in it, and what if somebody is faster, slower or cut off.

mod ensuring;
mod later;
mod releasing;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::*;
use crate::{
    api::Action as Call,
    facts::world::{World, group, tag},
};

pub(super) const SHARED: &str = "sg-made-1 (rs-6462d12a-backend): ";
pub(super) const DAY: Duration = Duration::from_hours(24);

pub(super) fn settings() -> SharedSettings {
    SharedSettings {
        cluster: ClusterUid::parse("6a1c0e5e").unwrap(),
        cluster_name: Some("prod".to_owned()),
        backend: None,
        node_groups: BTreeSet::new(),
        node_ports: 30_000..=32_767,
        node_group_tags: BTreeMap::new(),
        tags: tag("team", "shop"),
    }
}

/// A process of the cluster.
pub(super) fn process_with(settings: SharedSettings) -> Shared {
    Shared::new(settings, Arc::new(Facts::new(None)))
}

pub(super) fn process() -> Shared {
    process_with(settings())
}

/// Two nodes with the group `sg-node`, and one with `sg-big`.
pub(super) fn world() -> World {
    let world = World::new();
    world.edit(|it| {
        it.put(group("sg-node", "node", BTreeMap::new()));
        it.put(group("sg-big", "big", BTreeMap::new()));
        it.start("i-1", &[&["sg-node"]]);
        it.start("i-2", &[&["sg-node"]]);
        it.start("i-3", &[&["sg-big"]]);
    });
    world
}

pub(super) fn vpc() -> VpcId {
    VpcId::new("vpc-1")
}

pub(super) fn nodes(ids: &[&str]) -> Vec<InstanceId> {
    ids.iter().map(|id| InstanceId::new(*id)).collect()
}

pub(super) fn tcp() -> Needs {
    Needs {
        tcp: true,
        ..Needs::default()
    }
}

pub(super) async fn ensure(
    shared: &Shared,
    world: &World,
    ids: &[&str],
    needs: &Needs,
) -> roadstead_core::Result<SharedReady> {
    shared.ensure(world, &vpc(), &nodes(ids), needs).await
}

pub(super) fn told(steps: &[Step]) -> Vec<String> {
    steps.iter().map(ToString::to_string).collect()
}

pub(super) fn changes(calls: &[Call]) -> Vec<Call> {
    calls.iter().copied().filter(|it| !it.is_read()).collect()
}

/// The rules of a group.
pub(super) fn rules_of(world: &World, id: &str) -> usize {
    world.edit(|it| it.groups[&GroupId::new(id)].ingress.len())
}
