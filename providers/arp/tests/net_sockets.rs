//! Sockets on a real segment: what comes in, what does not, and what the kernel tells about interfaces.
//! In network namespaces of their own; as root.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's own functions fail as the test does"
)]

mod segment;

use std::{net::Ipv6Addr, os::fd::AsFd, time::Duration};

use roadstead_arp::{
    Interface, InterfaceIndex,
    net::{
        Family, FrameKind, FrameSocket, Groups, HelloSocket, LinkSelection, LinkWatch, News,
        Unusable,
    },
    wire::hello::{GROUP_V4, GROUP_V6, PORT},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use segment::{Host, Segment};

/// No test waits longer for anything; nothing takes a hundredth of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits until there is something to read; `false` if there is not in time.
fn wait_readable(socket: impl AsFd, patience: Duration) -> bool {
    let timeout = Timespec::try_from(patience).unwrap();
    poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&timeout)).unwrap() > 0
}

fn next_frame(socket: &FrameSocket) -> Vec<u8> {
    assert!(wait_readable(socket, PATIENCE), "no frame came");
    let mut buffer = [0; 2048];
    let length = socket.receive(&mut buffer).unwrap().unwrap();
    buffer[..length].to_vec()
}

fn open(host: &Host, kind: FrameKind) -> FrameSocket {
    let index = InterfaceIndex(host.namespace.index("eth0"));
    host.namespace
        .run(move || FrameSocket::open(index, kind).unwrap())
}

fn interface(host: &Host) -> Interface {
    host.namespace.run(|| {
        LinkWatch::open()
            .unwrap()
            .usable(&LinkSelection::default())
            .remove(0)
    })
}

/// An ARP frame to all: of this hardware kind and operation, from a host without an address.
fn arp(hardware: u8, operation: u8) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([
        2, 0, 0, 0, 0, 1, 8, 6, 0, hardware, 8, 0, 6, 4, 0, operation,
    ]);
    frame.resize(42, 0);
    frame
}

#[test]
fn arp_comes_in_and_nothing_else_does() {
    let segment = Segment::new();
    let (ours, theirs) = (segment.host(&[]), segment.host(&[]));
    let (receiver, sender) = (open(&ours, FrameKind::Arp), open(&theirs, FrameKind::Arp));
    let mut to_another = arp(1, 1);
    to_another[..6].copy_from_slice(&[2, 0, 0, 0, 0, 0x77]);
    for ignored in [arp(6, 1), arp(1, 3), arp(1, 8), to_another] {
        sender.send(&ignored).unwrap();
    }
    sender.send(&arp(1, 1)).unwrap();
    sender.send(&arp(1, 2)).unwrap();
    assert_eq!(next_frame(&receiver), arp(1, 1));
    assert_eq!(next_frame(&receiver), arp(1, 2));
    assert_eq!(receiver.receive(&mut [0; 64]).unwrap(), None);
    assert_eq!(receiver.counts().unwrap(), (2, 0));
}

#[test]
fn what_goes_up_to_an_interface_on_top_does_not_come_in_below() {
    let segment = Segment::new();
    let (ours, theirs) = (segment.host(&[]), segment.host(&[]));
    ours.namespace
        .ip("link add upper link eth0 type macvlan mode private");
    ours.namespace.ip("link set upper up");
    let (receiver, sender) = (open(&ours, FrameKind::Arp), open(&theirs, FrameKind::Arp));
    let mut to_upper = arp(1, 1);
    to_upper[..6].copy_from_slice(&ours.namespace.mac("upper"));
    sender.send(&to_upper).unwrap();
    sender.send(&arp(1, 2)).unwrap();
    assert_eq!(next_frame(&receiver), arp(1, 2));
    assert_eq!(receiver.counts().unwrap(), (1, 0));
}

#[test]
fn what_a_host_sends_itself_does_not_come_back() {
    let segment = Segment::new();
    let (ours, theirs) = (segment.host(&[]), segment.host(&[]));
    let (receiver, sender) = (open(&theirs, FrameKind::Arp), open(&ours, FrameKind::Arp));
    let second = open(&ours, FrameKind::Arp);
    sender.send(&arp(1, 1)).unwrap();
    next_frame(&receiver);
    assert_eq!(sender.counts().unwrap(), (0, 0));
    assert_eq!(second.counts().unwrap(), (0, 0));
}

#[test]
fn frames_without_room_are_dropped_and_counted() {
    let segment = Segment::new();
    let (ours, theirs) = (segment.host(&[]), segment.host(&[]));
    let (receiver, sender) = (open(&ours, FrameKind::Arp), open(&theirs, FrameKind::Arp));
    for _ in 0..20_000 {
        sender.send(&arp(1, 1)).unwrap();
    }
    let (passed, dropped) = receiver.counts().unwrap();
    assert!(dropped > 0 && passed > dropped, "{passed} {dropped}");
    assert_eq!(receiver.counts().unwrap(), (0, 0), "counted once");
}

#[test]
fn hellos_are_heard_by_all_others_with_their_hop_limit() {
    let segment = Segment::new();
    let hosts = [
        segment.host(&["192.0.2.1/24"]),
        segment.host(&["192.0.2.2/24"]),
        segment.host(&["198.51.100.3/24"]),
    ];
    for family in Family::ALL {
        let sockets = hosts.each_ref().map(|host| {
            let interface = interface(host);
            assert!(family.is_spoken_by(&interface));
            host.namespace
                .run(move || HelloSocket::open(&interface, family).unwrap())
        });
        sockets[0].send(b"hello").unwrap();
        let mut buffer = [0; 64];
        for socket in &sockets[1..] {
            assert!(wait_readable(socket, PATIENCE), "{family:?}");
            let heard = socket.receive(&mut buffer).unwrap().unwrap();
            assert_eq!((heard.length, heard.hop_limit), (5, 255), "{family:?}");
            assert_eq!(&buffer[..5], b"hello");
        }
        assert_eq!(sockets[0].receive(&mut buffer).unwrap(), None);
    }
}

#[test]
fn a_hello_that_was_sent_with_another_hop_limit_shows_it() {
    let segment = Segment::new();
    let (ours, theirs) = (
        segment.host(&["192.0.2.1/24"]),
        segment.host(&["192.0.2.2/24"]),
    );
    let interface = interface(&ours);
    for family in Family::ALL {
        let interface = interface.clone();
        let receiver = ours
            .namespace
            .run(move || HelloSocket::open(&interface, family).unwrap());
        let index = theirs.namespace.index("eth0");
        theirs.namespace.run(move || match family {
            Family::V4 => {
                let socket = std::net::UdpSocket::bind("192.0.2.2:0").unwrap();
                socket.set_multicast_ttl_v4(254).unwrap();
                socket.send_to(b"far", (GROUP_V4, PORT)).unwrap();
            }
            Family::V6 => {
                let to = std::net::SocketAddrV6::new(GROUP_V6, PORT, 0, index);
                let socket = std::net::UdpSocket::bind("[::]:0").unwrap();
                socket.send_to(b"far", to).unwrap();
            }
        });
        assert!(wait_readable(&receiver, PATIENCE), "{family:?}");
        let heard = receiver.receive(&mut [0; 64]).unwrap().unwrap();
        assert_eq!(heard.length, 3);
        assert_ne!(heard.hop_limit, 255, "{family:?}");
    }
}

#[test]
fn two_announcers_on_one_machine_both_hear_a_hello() {
    let segment = Segment::new();
    let (ours, theirs) = (
        segment.host(&["192.0.2.1/24"]),
        segment.host(&["192.0.2.2/24"]),
    );
    let (near, far) = (interface(&ours), interface(&theirs));
    for family in Family::ALL {
        let (near, far) = (near.clone(), far.clone());
        let receivers = ours
            .namespace
            .run(move || [(); 2].map(|()| HelloSocket::open(&near, family).unwrap()));
        let sender = theirs
            .namespace
            .run(move || HelloSocket::open(&far, family).unwrap());
        sender.send(b"hello").unwrap();
        for receiver in &receivers {
            assert!(wait_readable(receiver, PATIENCE), "{family:?}");
        }
    }
}

#[test]
fn as_many_groups_as_there_are_addresses_are_joined() {
    const MANY: u32 = 6_000;
    let segment = Segment::new();
    let host = segment.host(&[]);
    let index = InterfaceIndex(host.namespace.index("eth0"));
    let group = |n: u32| {
        Ipv6Addr::from_bits(
            Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).to_bits() | u128::from(n),
        )
    };
    let joined = |host: &Host| {
        host.namespace
            .ip("-6 maddress show dev eth0")
            .matches("ff02::1:ff")
            .count()
    };
    let before = joined(&host);
    let mut groups = host.namespace.run(move || {
        let mut groups = Groups::default();
        for n in 1..=MANY {
            groups.join(index, group(n)).unwrap();
            groups.join(index, group(n)).unwrap();
        }
        groups
    });
    assert_eq!(joined(&host) - before, MANY as usize);
    assert!(
        groups.sockets() > 1,
        "one socket had room for all: {groups:?}"
    );
    groups.leave(index, group(1));
    groups.leave(index, group(1));
    assert_eq!(joined(&host) - before, MANY as usize - 1);
    groups.leave_all(index);
    assert_eq!((joined(&host) - before, groups.len()), (0, 0));
}

#[test]
fn solicitations_to_a_joined_group_come_in() {
    let segment = Segment::new();
    let (ours, theirs) = (segment.host(&[]), segment.host(&["2001:db8::9/64"]));
    let index = InterfaceIndex(ours.namespace.index("eth0"));
    let receiver = open(&ours, FrameKind::Neighbour);
    let _groups = ours.namespace.run(move || {
        let mut groups = Groups::default();
        groups
            .join(index, "ff02::1:ff00:1234".parse().unwrap())
            .unwrap();
        groups
    });
    // The kernel asks for a neighbour as soon as it has something to send there.
    theirs.namespace.run(|| {
        let socket = std::net::UdpSocket::bind("[2001:db8::9]:0").unwrap();
        socket.send_to(b"x", "[2001:db8::1234]:9").unwrap();
    });
    let target = "2001:db8::1234".parse::<Ipv6Addr>().unwrap().octets();
    // Others on a new segment solicit too, for their own addresses.
    loop {
        let frame = next_frame(&receiver);
        assert!(frame[54] == 135 || frame[54] == 136);
        if frame[62..78] == target {
            assert_eq!(frame[..6], [0x33, 0x33, 0xff, 0, 0x12, 0x34]);
            break;
        }
    }
}

/// Takes in news until the interfaces are as `wanted` says.
fn news(watch: &mut LinkWatch, wanted: impl Fn(&LinkWatch) -> bool) {
    while !wanted(watch) {
        assert!(wait_readable(&*watch, PATIENCE), "no news came");
        while watch.receive(&LinkSelection::default()).unwrap() != News::None && !wanted(watch) {}
    }
}

#[test]
fn changes_of_links_and_addresses_are_told() {
    let segment = Segment::new();
    let host = segment.host(&["192.0.2.1/24"]);
    let mut watch = host.namespace.run(|| LinkWatch::open().unwrap());
    let any = LinkSelection::default();
    let only = |watch: &LinkWatch| match watch.usable(&any).as_slice() {
        [interface] => Some(interface.clone()),
        _ => None,
    };
    let was = only(&watch).unwrap();
    assert_eq!((&*was.name, was.mtu), ("eth0", 1500));
    assert_eq!(was.mac.0, host.namespace.mac("eth0"));

    host.namespace.ip("address add 192.0.2.77/24 dev eth0");
    let address = "192.0.2.77/24".parse().unwrap();
    news(&mut watch, |watch| {
        only(watch).is_some_and(|now| now.addresses.contains(&address))
    });
    host.namespace.ip("address delete 192.0.2.77/24 dev eth0");
    news(&mut watch, |watch| {
        only(watch).is_some_and(|now| now.addresses == was.addresses)
    });

    host.namespace.ip("link set eth0 address 02:00:00:00:12:34");
    news(&mut watch, |watch| {
        only(watch).is_some_and(|now| now.mac.to_string() == "02:00:00:00:12:34")
    });

    segment.ip(&format!("link set {} down", host.port));
    let why = |watch: &LinkWatch| {
        let all = watch.unusable(&any);
        all.into_iter()
            .find(|(name, _)| name == "eth0")
            .map(|(_, why)| why)
    };
    news(&mut watch, |watch| why(watch) == Some(Unusable::NoCarrier));
    segment.ip(&format!("link set {} up", host.port));
    news(&mut watch, |watch| only(watch).is_some());

    host.namespace.ip("link set eth0 down");
    news(&mut watch, |watch| why(watch) == Some(Unusable::Down));
    host.namespace.ip("link set eth0 up");
    news(&mut watch, |watch| only(watch).is_some());

    host.namespace.ip("link add br0 type bridge");
    host.namespace.ip("link set eth0 master br0");
    news(&mut watch, |watch| {
        why(watch)
            == Some(Unusable::Member {
                of: "bridge".to_owned(),
            })
    });
    host.namespace.ip("link set eth0 nomaster");
    news(&mut watch, |watch| only(watch).is_some());

    segment.ip(&format!("link delete {}", host.port));
    news(&mut watch, |watch| {
        why(watch).is_none() && only(watch).is_none()
    });
}

#[test]
fn lost_news_are_made_up_for() {
    let segment = Segment::new();
    let host = segment.host(&["192.0.2.1/24"]);
    let mut watch = host.namespace.run(|| LinkWatch::open().unwrap());
    // More than the receive buffer holds, in one process: one of them per address would take a minute.
    let commands: String = (0..4000)
        .map(|n| format!("link set eth0 mtu {}\n", 1400 + n % 2))
        .chain(["link set eth0 mtu 1300\n".to_owned()])
        .collect();
    host.namespace.ip_batch(&commands);
    let any = LinkSelection::default();
    // In there, since it asks anew from where it is called.
    let overruns = host.namespace.run(move || {
        news(&mut watch, |watch| watch.usable(&any)[0].mtu == 1300);
        watch.overruns()
    });
    assert!(overruns > 0, "the buffer held all");
}
