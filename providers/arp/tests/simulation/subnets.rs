//! Several subnets on one segment: who cannot have an address is not waited for.

use std::time::Duration;

use ipnet::IpNet;
use roadstead_arp::{Interface, InterfaceIndex};

use crate::{
    scenario::{address, wanted},
    switch::{Switch, interface},
};

/// Four stations: two on the subnet of the addresses, and two on another one, with so many more that each has `subnets`.
fn on_two_subnets(subnets: u8) -> Vec<[Interface; 1]> {
    let own = |n: u8| {
        let subnet = if n < 2 { 0 } else { 5 };
        let mut own = interface(2, "eth0", n, &format!("192.{subnet}.9.{}/16", n + 1));
        let more = (1..subnets).map(|more| format!("198.51.{more}.1/24").parse::<IpNet>().unwrap());
        own.addresses.extend(more);
        [own]
    };
    (0..4).map(own).collect()
}

/// A segment of these stations, when all have met.
fn met(stations: &[[Interface; 1]]) -> Switch {
    let nodes: Vec<&[Interface]> = stations.iter().map(|one| &one[..]).collect();
    let mut switch = Switch::new(&nodes);
    switch.run_for(Duration::from_secs(3));
    switch
}

fn twenty() -> impl Iterator<Item = usize> {
    (0..40).step_by(2)
}

/// Each by one of the first two.
fn answered_on_their_subnet(switch: &Switch) {
    for n in twenty() {
        let [(node, _)] = switch.answering(address(n))[..] else {
            panic!("{n}: {:?}", switch.answering(address(n)));
        };
        assert!(node < 2);
    }
}

fn answered_by_the_second(switch: &Switch) {
    for n in twenty() {
        assert_eq!(switch.answering(address(n)), [(1, InterfaceIndex(2))]);
    }
}

#[test]
fn a_station_on_another_subnet_of_the_segment_is_never_chosen_nor_waited_for() {
    let mut switch = met(&on_two_subnets(1));
    twenty().for_each(|n| switch.want(&wanted(n)));
    switch.run_for(Duration::from_millis(800));
    answered_on_their_subnet(&switch);
    switch.plug(0, &[]);
    switch.run_for(Duration::from_millis(450));
    answered_by_the_second(&switch);
}

#[test]
fn a_station_that_moves_to_another_subnet_says_so_at_once_and_is_not_waited_for_any_more() {
    let mut stations = on_two_subnets(1);
    stations.truncate(2);
    stations.push([interface(2, "eth0", 2, "192.0.9.3/16")]);
    // Everything is told once a second: the move may come at any time of it.
    for after in (0..1_000).step_by(100).map(Duration::from_millis) {
        let mut switch = met(&stations);
        twenty().for_each(|n| switch.want(&wanted(n)));
        switch.run_for(Duration::from_secs(2) + after);
        switch.plug(2, &[interface(2, "eth0", 2, "192.5.9.3/16")]);
        switch.plug(0, &[]);
        switch.run_for(Duration::from_millis(450));
        answered_by_the_second(&switch);
    }
}

#[test]
fn a_station_on_more_subnets_than_it_says_delays_the_others_once() {
    let mut switch = met(&on_two_subnets(9));
    twenty().for_each(|n| switch.want(&wanted(n)));
    switch.run_for(Duration::from_secs(5));
    answered_on_their_subnet(&switch);
    // The second time it is known who was silent.
    switch.plug(0, &[]);
    switch.run_for(Duration::from_millis(450));
    answered_by_the_second(&switch);
}
