//! Which addresses it has, and of which families.

use ipnet::Ipv6Net;
use roadstead_core::{IpFamily, LoadBalancer, LoadBalancerProvider, Protocol};
use roadstead_testbed::localstack::Subnet;

use crate::{
    annotated, port, service, shows, shows_no,
    support::{World, waiting::settle},
};

/// The first subnets with a way out, or without one, and the list that names them.
fn subnets(world: &World, public: bool) -> (Vec<Subnet>, String) {
    let all = world.land.subnets.iter();
    let two: Vec<Subnet> = all
        .filter(|it| it.public == public)
        .take(2)
        .cloned()
        .collect();
    let ids: Vec<&str> = two.iter().map(|it| it.id.as_str()).collect();
    let list = ids.join(",");
    (two, list)
}

async fn elastic(world: &World) -> String {
    let made = world.ec2.allocate_address().send().await.unwrap();
    made.allocation_id().unwrap().to_owned()
}

/// An edit that AWS cannot follow is told, foreseen, and changes nothing.
async fn cannot(
    world: &World,
    provider: &dyn LoadBalancerProvider,
    want: &LoadBalancer,
    text: &str,
) {
    let mark = world.proxy.mark();
    let outcome = settle(provider, want).await;
    let notes = outcome.notes.join("\n");
    assert!(notes.contains("cannot give load balancer"), "{notes}");
    assert!(notes.contains(text), "no {text:?} in: {notes}");
    assert!(outcome.done.is_empty(), "{}", outcome.done);
    assert_eq!(world.proxy.since(mark).mutating().len(), 0);
    let plan = provider.plan(want).await.unwrap().to_string();
    assert!(plan.contains(text), "no {text:?} in: {plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn elastic_addresses_are_taken_and_a_later_wish_for_others_is_told() {
    let world = World::new().await;
    let ([one, two, other], (places, list)) = (
        [
            elastic(&world).await,
            elastic(&world).await,
            elastic(&world).await,
        ],
        subnets(&world, true),
    );
    let with = |addresses: &str| {
        let pairs = [
            ("scheme", "internet-facing"),
            ("subnets", list.as_str()),
            ("eip-allocations", addresses),
        ];
        annotated(service(&world, "elastic"), &pairs)
    };
    let want = with(&format!("{one},{two}"));
    let provider = world.provider(&want.id.cluster);
    settle(&provider, &want).await;
    let facts = [
        format!("zone {} elastic {one}", places[0].id),
        format!("zone {} elastic {two}", places[1].id),
    ];
    let facts = facts.each_ref().map(String::as_str);
    shows(&world, &want, &facts).await;

    let edited = with(&format!("{one},{other}"));
    let text = format!(
        "the Elastic IP {other} in {} instead of {two}",
        places[1].zone
    );
    cannot(&world, &provider, &edited, &text).await;
    shows(&world, &edited, &facts).await;
    // Back to what it is: nothing is left to say.
    let outcome = settle(&provider, &want).await;
    assert!(outcome.notes.is_empty(), "{:?}", outcome.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_taken_and_a_later_wish_for_others_is_told() {
    let world = World::new().await;
    let (places, list) = subnets(&world, false);
    let within = |place: &Subnet, n: u32| {
        let cidr: ipnet::Ipv4Net = place.cidr.parse().unwrap();
        cidr.hosts().nth(n as usize).unwrap().to_string()
    };
    let (one, two) = (within(&places[0], 100), within(&places[1], 100));
    let other = within(&places[0], 101);
    let with = |addresses: &str| {
        let pairs = [
            ("scheme", "internal"),
            ("subnets", list.as_str()),
            ("private-ipv4-addresses", addresses),
        ];
        annotated(service(&world, "private"), &pairs)
    };
    // They belong to the subnets they lie in, in whatever order they are named.
    let want = with(&format!("{two},{one}"));
    let provider = world.provider(&want.id.cluster);
    settle(&provider, &want).await;
    let facts = [
        format!("zone {} private {one}", places[0].id),
        format!("zone {} private {two}", places[1].id),
    ];
    let facts = facts.each_ref().map(String::as_str);
    shows(&world, &want, &facts).await;

    let edited = with(&format!("{other},{two}"));
    let text = format!(
        "the private address {other} in {} instead of {one}",
        places[0].zone
    );
    cannot(&world, &provider, &edited, &text).await;
    shows(&world, &edited, &facts).await;
}

/// `NET:N` of a subnet's IPv6 range.
fn ipv6(place: &Subnet, n: u128) -> String {
    let net: Ipv6Net = place.ipv6_cidr.as_deref().unwrap().parse().unwrap();
    std::net::Ipv6Addr::from(u128::from(net.network()) + n).to_string()
}

/// The `n`-th /80 of a subnet's IPv6 range.
fn prefix(place: &Subnet, n: u128) -> String {
    let net: Ipv6Net = place.ipv6_cidr.as_deref().unwrap().parse().unwrap();
    let first = std::net::Ipv6Addr::from(u128::from(net.network()) + (n << 48));
    format!("{first}/80")
}

#[tokio::test(flavor = "multi_thread")]
async fn both_families_with_addresses_and_prefixes_reach_aws_and_go_again() {
    let world = World::on(|land| land.private_subnets(2).ipv6()).await;
    let (places, list) = subnets(&world, false);
    let addresses = format!("{},{}", ipv6(&places[0], 16), ipv6(&places[1], 16));
    let prefixes = format!("{},auto_assigned", prefix(&places[0], 7));
    let plain = annotated(service(&world, "dual"), &[("subnets", &list)]);
    let both = annotated(
        plain.clone(),
        &[
            ("subnets", &list),
            ("ip-address-type", "dualstack"),
            ("ipv6-addresses", &addresses),
            ("enable-prefix-for-ipv6-source-nat", "on"),
            ("source-nat-ipv6-prefixes", &prefixes),
        ],
    );
    let facts = [
        "family dualstack".to_owned(),
        "source nat on".to_owned(),
        format!("zone {} ipv6 {}", places[0].id, ipv6(&places[0], 16)),
        format!("zone {} ipv6 {}", places[1].id, ipv6(&places[1], 16)),
        format!("zone {} prefix {}", places[0].id, prefix(&places[0], 7)),
        format!("zone {} prefix ", places[1].id),
        "rules [\"tcp:Some(443)-Some(443) 0.0.0.0/0\", \"tcp:Some(443)-Some(443) ::/0\"".to_owned(),
    ];
    let facts = facts.each_ref().map(String::as_str);
    let provider = world.provider(&plain.id.cluster);
    settle(&provider, &plain).await;
    shows(&world, &plain, &["family ipv4", "source nat off"]).await;
    // By an edit, and from the start.
    settle(&provider, &both).await;
    shows(&world, &both, &facts).await;
    settle(&provider, &plain).await;
    shows(&world, &plain, &["family ipv4", "source nat off"]).await;
    for kind in ["ipv6", "prefix"] {
        shows_no(&world, &plain, &format!("zone {} {kind}", places[0].id)).await;
    }
    let anew = LoadBalancer {
        id: service(&world, "dual-anew").id,
        ..both.clone()
    };
    crate::support::waiting::gone(&provider, &both.id).await;
    settle(&provider, &anew).await;
    shows(&world, &anew, &facts).await;

    let third = format!("{},{}", ipv6(&places[0], 17), ipv6(&places[1], 16));
    let mut annotations = (*anew.annotations).clone();
    annotations.insert(format!("{}ipv6-addresses", crate::PREFIX), third);
    let edited = LoadBalancer {
        annotations: annotations.into(),
        ..anew
    };
    let text = format!("the IPv6 address {}", ipv6(&places[0], 17));
    cannot(&world, &provider, &edited, &text).await;
    shows(&world, &edited, &facts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_udp_becomes_dualstack_in_place() {
    let world = World::on(|land| land.private_subnets(2).ipv6()).await;
    let mut plain = service(&world, "datagrams");
    plain.ports = vec![port("dns", Protocol::Udp, 53)];
    let provider = world.provider(&plain.id.cluster);
    settle(&provider, &plain).await;
    let mut both = annotated(
        plain,
        &[
            ("ip-address-type", "dualstack"),
            ("enable-prefix-for-ipv6-source-nat", "on"),
        ],
    );
    both.families = vec![IpFamily::V4, IpFamily::V6];
    settle(&provider, &both).await;
    shows(
        &world,
        &both,
        &["family dualstack", "source nat on", "listener 53 UDP"],
    )
    .await;
}
