//! A hello said and heard, changed on the way, cut, forged, or signed with another key.

use super::*;

const OLD: &str = "0123456789abcdef0123456789abcdef";
const NEW: &str = "fedcba9876543210fedcba9876543210";

fn keys(text: &str) -> Keys {
    Keys::parse(text).unwrap()
}

fn hello() -> Hello {
    Hello {
        station: Station {
            node: "node-1".into(),
            interface: "eth0".into(),
        },
        incarnation: 0x0102_0304_0506_0708,
        sequence: 9,
        sent_at: 1_790_000_000_000,
        mac: Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]),
        interval: Duration::from_millis(100),
        leaving: false,
        listening: false,
        unfit: false,
        heard: None,
        held_v4: None,
        held_v6: None,
        claimed: vec![],
        released: vec![],
        subnets: None,
    }
}

fn full_hello() -> Hello {
    Hello {
        leaving: true,
        listening: true,
        unfit: true,
        heard: Some(Exactly {
            range: Session(0)..=Session(u32::MAX),
            members: vec![
                Heard {
                    session: Session(7),
                    sequence: 0xffff,
                },
                Heard {
                    session: Session(0x8000_0000),
                    sequence: 1,
                },
            ],
        }),
        held_v4: Some(Exactly {
            range: Ipv4Addr::UNSPECIFIED..=Ipv4Addr::BROADCAST,
            members: vec![Ipv4Addr::new(192, 0, 2, 200)],
        }),
        held_v6: Some(Exactly {
            range: Ipv6Addr::UNSPECIFIED..=Ipv6Addr::LOCALHOST,
            members: vec![],
        }),
        claimed: vec![
            "2001:db8::c8".parse().unwrap(),
            "192.0.2.200".parse().unwrap(),
            "2001:db8::c7".parse().unwrap(),
        ],
        released: vec!["192.0.2.201".parse().unwrap()],
        subnets: Some(vec![
            "192.0.2.0/24".parse().unwrap(),
            "2001:db8::/64".parse().unwrap(),
        ]),
        ..hello()
    }
}

fn said(hello: &Hello) -> Vec<u8> {
    encode(hello, keys(OLD).signing()).unwrap()
}

/// Bytes of a fault of the sender's: `unsigned` with a right signature.
fn signed(mut unsigned: Vec<u8>) -> Vec<u8> {
    let tag = keys(OLD).signing().sign(&unsigned);
    unsigned.extend(tag);
    unsigned
}

#[test]
fn what_is_said_is_heard() {
    for hello in [hello(), full_hello()] {
        let bytes = said(&hello);
        assert_eq!(bytes.len(), encoded_len(&hello));
        assert_eq!(decode(&bytes, &keys(OLD)), Ok(hello));
    }
}

#[test]
fn the_layout_is_the_one_that_is_written_down() {
    let bytes = said(&Hello {
        leaving: true,
        unfit: true,
        released: vec!["192.0.2.201".parse().unwrap()],
        subnets: Some(vec!["192.0.2.128/25".parse().unwrap()]),
        ..hello()
    });
    let mut expected = b"RSTD\x01\x05\x00\x64".to_vec();
    expected.extend([1, 2, 3, 4, 5, 6, 7, 8]);
    expected.extend([0, 0, 0, 0, 0, 0, 0, 9]);
    expected.extend([0, 0, 0x01, 0xa0, 0xc4, 0x50, 0x6c, 0x00]);
    expected.extend([0x52, 0x54, 0, 0x12, 0x34, 0x56, 6, 4]);
    expected.extend(b"node-1eth0");
    expected.extend([5, 0, 5, 4, 192, 0, 2, 201]);
    expected.extend([6, 0, 6, 4, 25, 192, 0, 2, 128]);
    assert_eq!(bytes, signed(expected));
}

#[test]
fn the_signature_is_the_hmac_of_the_standard() {
    // RFC 4231 section 4.7: the first test whose key is long enough here.
    let key = Key::new(&[0xaa; 131]).unwrap();
    let tag = key.sign(b"Test Using Larger Than Block-Size Key - Hash Key First");
    assert_eq!(
        tag,
        [
            0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f, 0x0d, 0x8a, 0x26, 0xaa, 0xcb, 0xf5,
            0xb7, 0x7f, 0x8e, 0x0b, 0xc6, 0x21, 0x37, 0x28, 0xc5, 0x14, 0x05, 0x46, 0x04, 0x0f,
            0x0e, 0xe3, 0x7f, 0x54
        ]
    );
}

#[test]
fn a_peek_sees_who_and_which_before_any_key_is_used() {
    let mut bytes = said(&full_hello());
    *bytes.last_mut().unwrap() ^= 1;
    let seen = peek(&bytes).unwrap();
    assert_eq!((seen.node, seen.interface), ("node-1", "eth0"));
    assert_eq!(seen.station(), hello().station);
    assert_eq!(seen.incarnation, hello().incarnation);
    assert_eq!(seen.sequence, 9);
    assert_eq!(
        seen.session(),
        Session::of(&hello().station, hello().incarnation)
    );
    assert_eq!(decode(&bytes, &keys(OLD)), Err(Refused::Unauthentic));
}

#[test]
fn a_session_belongs_to_one_run_of_one_station() {
    let of = |node: &str, interface: &str, incarnation| {
        let station = Station {
            node: node.into(),
            interface: interface.into(),
        };
        Session::of(&station, incarnation)
    };
    // Written down: stations of different builds must agree.
    assert_eq!(of("node-1", "eth0", 1), Session(0xb643_9c2f));
    assert_ne!(of("node-1", "eth0", 1), of("node-1", "eth0", 2));
    assert_ne!(of("node-1", "eth0", 1), of("node-1e", "th0", 1));
    assert_ne!(of("node-1", "eth0", 1), of("node-1", "eth1", 1));
}

#[test]
fn a_hello_of_another_key_is_not_believed() {
    assert_eq!(
        decode(&said(&hello()), &keys(NEW)),
        Err(Refused::Unauthentic)
    );
}

#[test]
fn while_keys_change_everybody_hears_everybody() {
    // New keys come at the end, go to the front when all have them, and the old one goes last.
    let stages = [
        OLD.into(),
        format!("{OLD}\n{NEW}"),
        format!("{NEW}\n{OLD}"),
        NEW.into(),
    ];
    for pair in stages.windows(2) {
        let [one, next] = [keys(&pair[0]), keys(&pair[1])];
        for (from, to) in [(&one, &next), (&next, &one)] {
            let bytes = encode(&hello(), from.signing()).unwrap();
            assert!(decode(&bytes, to).is_ok(), "{pair:?}");
        }
    }
}

#[test]
fn a_version_that_is_not_known_is_told_apart_from_noise() {
    let mut bytes = said(&hello());
    bytes[4] = 2;
    assert_eq!(decode(&bytes, &keys(OLD)), Err(Refused::Version(2)));
    assert_eq!(peek(&bytes), Err(Refused::Version(2)));
    bytes[0] = b'X';
    assert_eq!(decode(&bytes, &keys(OLD)), Err(Refused::Magic));
}

#[test]
fn a_hello_that_is_cut_anywhere_is_refused() {
    let bytes = said(&full_hello());
    for length in 0..bytes.len() {
        let refused = decode(&bytes[..length], &keys(OLD));
        assert!(
            matches!(refused, Err(Refused::Short | Refused::Unauthentic)),
            "{length} bytes: {refused:?}"
        );
    }
}

#[test]
fn what_a_later_program_adds_is_passed_over() {
    let mut bytes = said(&full_hello());
    bytes.truncate(bytes.len() - layout::TAG);
    bytes[5] |= 0x80;
    bytes.extend([200, 0, 2, 0xab, 0xcd]);
    assert_eq!(decode(&signed(bytes), &keys(OLD)), Ok(full_hello()));
}

#[test]
fn a_signed_hello_with_a_part_that_cannot_be_is_refused() {
    let with = |sections: &[u8]| {
        let mut bytes = said(&hello());
        bytes.truncate(bytes.len() - layout::TAG);
        bytes.extend(sections);
        decode(&signed(bytes), &keys(OLD))
    };
    assert_eq!(
        with(&[4, 0, 5, 4, 1, 2, 3, 4]).map(|h| h.claimed.len()),
        Ok(1)
    );
    for (sections, why) in [
        (&[4, 0, 5, 5, 1, 2, 3, 4][..], "no such family"),
        (&[4, 0, 4, 4, 1, 2, 3], "half an address"),
        (&[2, 0, 4, 1, 2, 3, 4], "half a range"),
        (
            &[2, 0, 8, 0, 0, 0, 2, 0, 0, 0, 1],
            "a range from high to low",
        ),
        (
            &[2, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2],
            "a member outside the range",
        ),
        (
            &[2, 0, 16, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 2],
            "a member twice",
        ),
        (&[5, 0, 0, 4, 0, 0], "sections out of order"),
        (&[4, 0, 0, 4, 0, 0], "a section twice"),
        (&[6, 0, 6, 4, 33, 192, 0, 2, 1], "a prefix of 33 bits"),
        (&[6, 0, 6, 4, 24, 192, 0, 2, 1], "a host among the subnets"),
        (&[6, 0, 1, 4], "half a subnet"),
    ] {
        assert_eq!(with(sections), Err(Refused::Malformed), "{why}");
    }
    assert_eq!(with(&[4, 0, 9, 4]), Err(Refused::Short));
    assert_eq!(with(&[4, 0]), Err(Refused::Short));
}

#[test]
fn what_nobody_would_hear_cannot_be_said() {
    let refused = |hello: &Hello| encode(hello, keys(OLD).signing()).unwrap_err();
    let named = |node: &str, interface: &str| Hello {
        station: Station {
            node: node.into(),
            interface: interface.into(),
        },
        ..hello()
    };
    let long = "n".repeat(254);
    for (node, interface) in [
        ("", "eth0"),
        ("n", ""),
        (&long, "eth0"),
        ("n", "sixteen-letters-"),
        ("a b", "eth0"),
    ] {
        assert_eq!(refused(&named(node, interface)), Unsayable::Name);
    }
    assert!(encode(&named(&long[1..], "fifteen-letters"), keys(OLD).signing()).is_ok());

    for interval in [
        Duration::ZERO,
        Duration::from_micros(1500),
        Duration::from_secs(66),
    ] {
        assert_eq!(
            refused(&Hello {
                interval,
                ..hello()
            }),
            Unsayable::Interval
        );
    }

    let held = |range, members| Hello {
        held_v4: Some(Exactly { range, members }),
        ..hello()
    };
    let [one, two] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
    for (range, members) in [
        (two..=one, vec![]),
        (one..=one, vec![two]),
        (one..=two, vec![two, one]),
        (one..=two, vec![one, one]),
    ] {
        assert_eq!(refused(&held(range, members)), Unsayable::List);
    }
    let many = (0..20_000).map(Ipv4Addr::from_bits).collect();
    let all = Ipv4Addr::UNSPECIFIED..=Ipv4Addr::BROADCAST;
    assert_eq!(refused(&held(all, many)), Unsayable::Long);
    let on = |subnets: Vec<IpNet>| Hello {
        subnets: Some(subnets),
        ..hello()
    };
    let subnet: IpNet = "192.0.2.0/24".parse().unwrap();
    assert!(encode(&on(vec![]), keys(OLD).signing()).is_ok());
    for subnets in [
        vec!["192.0.2.1/24".parse().unwrap()],
        vec![subnet; MAX_SUBNETS + 1],
    ] {
        assert_eq!(refused(&on(subnets)), Unsayable::List);
    }
}

#[test]
fn keys_are_read_from_a_file_one_a_line() {
    assert_eq!(keys(OLD).all().count(), 1);
    assert_eq!(keys(&format!("\n  {OLD}\r\n\n{NEW}\n")).all().count(), 2);
    // Space around a key is none of it.
    let bytes = encode(&hello(), keys(&format!(" {OLD} \n")).signing()).unwrap();
    assert!(decode(&bytes, &keys(OLD)).is_ok());
}

#[test]
fn keys_that_do_not_serve_are_explained_and_not_shown() {
    let explained = |text: &str| Keys::parse(text).unwrap_err().to_string();
    assert_eq!(
        explained(" \n"),
        "no key in it: one key a line, of at least 32 characters each"
    );
    assert_eq!(
        explained(&format!("{OLD}\n\nhunter2\n")),
        "the key on line 3 has 7 characters, and needs at least 32 (`openssl rand -hex 32` makes a good one)"
    );
    assert_eq!(
        explained(&format!("{OLD}\n").repeat(9)),
        "more than 8 keys in it"
    );
    assert!(!format!("{:?}", keys(OLD)).contains(&OLD[..4]));
}
