//! What is said on a Service about its announcement, and by whom? One announcer speaks: the one that holds the first
//! address, or, where nobody does, the first by name of those that live. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::IpAddr,
    sync::Arc,
};

use roadstead_arp::{Mac, engine::Holder};

use super::{
    eligibility::{Ground, MayNot, Serving},
    wish::{Seen, Wish},
};
use crate::service::conditions::{Condition, Holds, Kind, Reason};

/// What this node knows of a Service's addresses.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// This node.
    pub me: &'a str,
    /// Whether it speaks where nobody holds an address.
    pub first: bool,
    /// The Service.
    pub seen: &'a Seen,
    /// What it asks for.
    pub wish: Option<&'a Wish>,
    /// Who holds each of its addresses, in their order.
    pub holders: &'a [Vec<Holder>],
    /// Foreign hosts that this node sees use an address.
    pub conflicts: &'a BTreeMap<IpAddr, Mac>,
    /// The nodes that this one hears, itself included.
    pub near: &'a BTreeSet<Arc<str>>,
    /// Nodes and pools.
    pub ground: &'a Ground,
    /// Whether it has been like this for long enough to be no mere moment.
    pub settled: bool,
}

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Nothing: somebody else speaks, or all is said.
    Nothing,
    /// Nothing yet: it may pass.
    NotYet,
    /// This.
    Say(Condition),
    /// What was said does not hold any more, and nothing takes its place.
    Withdraw,
}

/// How the message begins that says who announces.
const BY: &str = "announced by ";

/// So many nodes are named, of those with one reason.
const NAMED: usize = 3;

// === impl Scene ===

impl Scene<'_> {
    /// Whether things are not as they should be, but may come right by themselves in a moment.
    #[must_use]
    pub fn is_odd(&self) -> bool {
        let mut holders = self.holders.iter();
        match (self.wish, holders.next()) {
            (None, _) => self.seen.healthy.is_some(),
            (Some(_), None) => true,
            (Some(_), Some(first)) => first.is_empty() || holders.any(|holders| holders != first),
        }
    }

    /// Whether somebody holds the first address who may not: its end is told to nobody but him.
    #[must_use]
    pub fn is_about_to_be_let_go(&self) -> bool {
        let held = self.holders.first().is_some_and(|first| !first.is_empty());
        let serving = self.wish.and_then(|wish| wish.serving.as_ref());
        let first = self.wish.and_then(|wish| wish.addresses.first());
        match (held, first, serving) {
            (true, Some(first), Some(serving)) => {
                self.ground.candidates(*first, &[serving]).is_empty()
            }
            _ => false,
        }
    }
}

/// What is to be said.
#[must_use]
pub fn word(scene: &Scene<'_>) -> Word {
    let Some(wish) = scene.wish else {
        return withdraw(scene);
    };
    let holders = |n: usize| scene.holders.get(n).map_or(&[][..], Vec::as_slice);
    let mine = |holder: &&Holder| &*holder.node == scene.me;
    let first = holders(0);
    let holds_first = first.iter().any(|holder| mine(&holder));
    let conflict = wish.addresses.iter().enumerate().find_map(|(n, address)| {
        let mac = scene.conflicts.get(address)?;
        let to_say = holds_first || holders(n).is_empty();
        to_say.then(|| conflict(*address, *mac))
    });
    if let Some(conflict) = conflict {
        return Word::Say(conflict);
    }
    if holds_first {
        return Word::Say(announced(scene, wish));
    }
    if !first.is_empty() || !scene.first || is_for_others(scene, wish) {
        return Word::Nothing;
    }
    let Some(address) = wish.addresses.first() else {
        return Word::Nothing;
    };
    match (scene.settled, nobody(scene, wish, *address)) {
        (true, Some(why)) => Word::Say(Condition::new(
            Kind::Healthy,
            Holds::False,
            Reason::NotAnnounced,
            format!("nobody announces {address}: {why}"),
        )),
        _ => Word::NotYet,
    }
}

/// Whether what is there was said by somebody who sees more: a holder on a segment that this node is not on, or whoever found
/// a foreign host.
fn is_for_others(scene: &Scene<'_>, wish: &Wish) -> bool {
    let Some(said) = &scene.seen.healthy else {
        return false;
    };
    if said.reason == Reason::AddressConflict.as_str() {
        let address = said.message.split(' ').next();
        let address = address.and_then(|address| address.parse().ok());
        return address.is_some_and(|address| wish.addresses.contains(&address));
    }
    let by = said.message.strip_prefix(BY);
    by.and_then(|by| by.split(' ').next()).is_some_and(|node| {
        let lives = scene.ground.node(node).is_some_and(|facts| !facts.dead);
        lives && !scene.near.contains(node)
    })
}

/// What was said of a Service that asks for nothing (any more).
fn withdraw(scene: &Scene<'_>) -> Word {
    match (&scene.seen.healthy, scene.first, scene.settled) {
        // The address that was in conflict must not be given out at once again.
        (Some(said), ..) if scene.seen.ours && said.reason == Reason::AddressConflict.as_str() => {
            Word::Nothing
        }
        (None, ..) | (_, false, _) => Word::Nothing,
        (Some(_), true, false) => Word::NotYet,
        (Some(_), true, true) => Word::Withdraw,
    }
}

fn conflict(address: IpAddr, mac: Mac) -> Condition {
    Condition::new(
        Kind::Healthy,
        Holds::False,
        Reason::AddressConflict,
        format!(
            "{address} is used by {mac}, a host that is no announcer; take the address from that host or out of the pool \
             (a Service that does not ask for this very address gets another one)"
        ),
    )
}

/// The first address is held here; what differs of the others is said when it lasts.
fn announced(scene: &Scene<'_>, wish: &Wish) -> Condition {
    let by = |holders: &[Holder]| {
        let holders: BTreeSet<String> = holders
            .iter()
            .map(|holder| format!("{} on {}", holder.node, holder.interface))
            .collect();
        holders.into_iter().collect::<Vec<_>>().join(" and ")
    };
    let own: Vec<Holder> = scene
        .holders
        .iter()
        .take(1)
        .flatten()
        .filter(|holder| &*holder.node == scene.me)
        .cloned()
        .collect();
    let first = by(&own);
    let mut message = format!("{BY}{first}");
    for (address, holders) in wish.addresses.iter().zip(scene.holders).skip(1) {
        if !scene.settled || by(holders) == first {
            continue;
        }
        if holders.is_empty() {
            let why = nobody(scene, wish, *address);
            let why = why.unwrap_or_else(|| "it is not known yet who may".to_owned());
            let _ = write!(message, "; nobody announces {address}: {why}");
        } else {
            let _ = write!(message, "; {address} by {}", by(holders));
        }
    }
    Condition::new(Kind::Healthy, Holds::True, Reason::Announced, message)
}

/// Why nobody announces `address`: the same words on whichever node; `None` if that cannot be told yet.
fn nobody(scene: &Scene<'_>, wish: &Wish, address: IpAddr) -> Option<String> {
    let (ground, serving) = (scene.ground, wish.serving.as_ref()?);
    if let Some(owner) = ground.owner(address) {
        return Some(format!(
            "it is an address of the node {owner} itself; take it out of the pool{}",
            pool(ground, address)
        ));
    }
    let candidates = ground.candidates(address, &[serving]);
    if !candidates.is_empty() {
        let on = match ground
            .pool(address)
            .and_then(|pool| pool.interfaces.as_ref())
        {
            Some(names) => format!("an interface named {}", list(names)),
            None => "an interface whose subnet contains it".to_owned(),
        };
        return Some(format!(
            "{} may, but none of them is there, forwards, and has {on}; the announcer of each tells more at /view",
            list(&candidates)
        ));
    }
    let mut against: BTreeMap<MayNot, BTreeSet<Arc<str>>> = BTreeMap::new();
    for node in ground.nodes() {
        if let Some(why) = ground.may_not(node, address, &[serving]) {
            against.entry(why).or_default().insert(Arc::clone(node));
        }
    }
    Some(reasons(&against, serving, ground, address))
}

fn reasons(
    against: &BTreeMap<MayNot, BTreeSet<Arc<str>>>,
    serving: &Serving,
    ground: &Ground,
    address: IpAddr,
) -> String {
    match (against.keys().next(), serving) {
        (None, _) => "the cluster has no node".to_owned(),
        (Some(MayNot::PoolNotAnnounced), _) => format!(
            "the pool{} says that its addresses are not to be announced (announce.enabled)",
            pool(ground, address)
        ),
        (_, Serving::On(nodes)) if nodes.is_empty() => {
            "externalTrafficPolicy is Local, and no pod of the Service serves on any node"
                .to_owned()
        }
        _ => {
            let each = against
                .iter()
                .map(|(why, nodes)| format!("{} {} {why}", list(nodes), verb(nodes.len())));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

fn verb(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn pool(ground: &Ground, address: IpAddr) -> String {
    let pool = ground.pool(address);
    pool.map(|pool| format!(" {}", pool.name))
        .unwrap_or_default()
}

/// `node-1, node-2 and 7 more`.
fn list(names: &BTreeSet<Arc<str>>) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests;
