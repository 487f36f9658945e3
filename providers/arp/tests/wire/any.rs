//! Any message that may be sent.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    time::Duration,
};

use ipnet::IpNet;
use proptest::{collection::btree_map, collection::btree_set, collection::vec, prelude::*};
use roadstead_arp::{
    Mac,
    wire::{
        arp,
        hello::{Exactly, Heard, Hello, MAX_SUBNETS, Session, Station},
        ndp,
    },
};

pub(crate) fn mac() -> impl Strategy<Value = Mac> {
    any::<[u8; 6]>().prop_map(Mac)
}

pub(crate) fn arp() -> impl Strategy<Value = arp::Repr> {
    let operation = prop_oneof![Just(arp::Operation::Request), Just(arp::Operation::Reply)];
    (
        operation,
        mac(),
        any::<Ipv4Addr>(),
        mac(),
        any::<Ipv4Addr>(),
    )
        .prop_map(
            |(operation, sender_mac, sender_ip, target_mac, target_ip)| arp::Repr {
                operation,
                sender_mac,
                sender_ip,
                target_mac,
                target_ip,
            },
        )
}

/// An address of one host.
fn host() -> impl Strategy<Value = Ipv6Addr> {
    any::<Ipv6Addr>().prop_filter("a host's address", |address| {
        !address.is_multicast() && !address.is_unspecified()
    })
}

pub(crate) fn ndp() -> impl Strategy<Value = ndp::Repr> {
    prop_oneof![solicitation(), probe(), advertisement()]
}

fn solicitation() -> impl Strategy<Value = ndp::Repr> {
    (host(), any::<bool>(), host(), proptest::option::of(mac())).prop_map(
        |(source, to_group, target, source_mac)| ndp::Repr {
            source,
            destination: if to_group {
                ndp::solicited_node(target)
            } else {
                target
            },
            target,
            message: ndp::Message::Solicitation { source_mac },
        },
    )
}

fn probe() -> impl Strategy<Value = ndp::Repr> {
    host().prop_map(|target| ndp::Repr {
        source: Ipv6Addr::UNSPECIFIED,
        destination: ndp::solicited_node(target),
        target,
        message: ndp::Message::Solicitation { source_mac: None },
    })
}

fn advertisement() -> impl Strategy<Value = ndp::Repr> {
    let to = proptest::option::of(host());
    (
        host(),
        to,
        host(),
        proptest::option::of(mac()),
        any::<[bool; 2]>(),
    )
        .prop_map(
            |(source, to, target, target_mac, [router, overrides])| ndp::Repr {
                source,
                destination: to.unwrap_or(ndp::ALL_NODES),
                target,
                message: ndp::Message::Advertisement {
                    target_mac,
                    flags: ndp::Flags {
                        router,
                        solicited: to.is_some(),
                        overrides,
                    },
                },
            },
        )
}

/// Some members, and a range that may be wider than they.
fn exactly<K, T>(
    members: impl Strategy<Value = Vec<T>>,
    key: fn(&T) -> K,
) -> impl Strategy<Value = Option<Exactly<K, T>>>
where
    K: Arbitrary + Ord + Copy,
    T: std::fmt::Debug,
{
    proptest::option::of((members, any::<[K; 2]>()).prop_map(move |(members, ends)| {
        let keys = || members.iter().map(key).chain(ends);
        let (low, high) = (keys().min().unwrap(), keys().max().unwrap());
        Exactly {
            range: RangeInclusive::new(low, high),
            members,
        }
    }))
}

fn held<K>() -> impl Strategy<Value = Option<Exactly<K, K>>>
where
    K: Arbitrary + Ord + Copy,
{
    let members = btree_set(any::<K>(), 0..20).prop_map(|set| set.into_iter().collect());
    exactly(members, |member| *member)
}

fn heard() -> impl Strategy<Value = Option<Exactly<Session, Heard>>> {
    let members = btree_map(any::<u32>(), any::<u16>(), 0..20);
    (members, any::<[u32; 2]>(), any::<bool>()).prop_map(|(members, ends, there)| {
        let keys = || members.keys().copied().chain(ends);
        let (low, high) = (keys().min().unwrap(), keys().max().unwrap());
        let heard = |(session, sequence): (&u32, &u16)| Heard {
            session: Session(*session),
            sequence: *sequence,
        };
        there.then(|| Exactly {
            range: Session(low)..=Session(high),
            members: members.iter().map(heard).collect(),
        })
    })
}

fn subnet() -> impl Strategy<Value = IpNet> {
    (any::<IpAddr>(), 0..=32_u8).prop_map(|(ip, bits)| IpNet::new(ip, bits).unwrap().trunc())
}

prop_compose! {
    pub(crate) fn hello()(
        node in "[a-z0-9.-]{1,253}",
        interface in "[a-z0-9.@é-]{1,7}",
        numbers in any::<[u64; 3]>(),
        mac in mac(),
        interval in 1..=65_535_u64,
        [leaving, listening, unfit] in any::<[bool; 3]>(),
        heard in heard(),
        held_v4 in held::<Ipv4Addr>(),
        held_v6 in held::<Ipv6Addr>(),
        claimed in vec(any::<IpAddr>(), 0..6),
        released in vec(any::<IpAddr>(), 0..6),
        subnets in proptest::option::of(vec(subnet(), 0..MAX_SUBNETS)),
    ) -> Hello {
        let [incarnation, sequence, sent_at] = numbers;
        Hello {
            station: Station { node: node.as_str().into(), interface: interface.as_str().into() },
            incarnation,
            sequence,
            sent_at,
            mac,
            interval: Duration::from_millis(interval),
            leaving,
            listening,
            unfit,
            heard,
            held_v4,
            held_v6,
            claimed,
            released,
            subnets,
        }
    }
}
