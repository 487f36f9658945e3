//! What is said is what is heard, and nothing else is.

use proptest::{prelude::*, sample::Index};
use roadstead_arp::wire::{arp, hello, ndp};

use crate::any;

fn keys() -> hello::Keys {
    hello::Keys::parse("0123456789abcdef0123456789abcdef").unwrap()
}

proptest! {
    #[test]
    fn arp_is_read_as_it_was_written(repr in any::arp(), to in any::mac()) {
        let frame = repr.emit(to);
        let packet = arp::Packet::new_checked(&frame).unwrap();
        prop_assert_eq!(packet.repr(), repr);
        prop_assert_eq!(packet.ethernet().destination(), to);
        prop_assert_eq!(packet.ethernet().source(), repr.sender_mac);
    }

    #[test]
    fn neighbour_discovery_is_read_as_it_was_written(
        repr in any::ndp(),
        from in any::mac(),
        to in any::mac(),
    ) {
        let frame = repr.emit(from, to);
        let packet = ndp::Packet::new_checked(&frame).unwrap();
        prop_assert_eq!(packet.repr(), repr);
        prop_assert_eq!(packet.ethernet().destination(), to);
        prop_assert_eq!(packet.ethernet().source(), from);
    }

    #[test]
    fn a_neighbour_message_with_any_bit_flipped_is_refused(
        repr in any::ndp(),
        mac in any::mac(),
        at in any::<Index>(),
        bit in 0..8_u8,
    ) {
        let frame = repr.emit(mac, mac);
        let mut flipped = frame.to_vec();
        // Before its addresses, the IPv6 header has bits that no checksum covers.
        let at = 22 + at.index(frame.len() - 22);
        flipped[at] ^= 1_u8 << bit;
        prop_assert!(ndp::Packet::new_checked(&flipped).is_err());
    }

    #[test]
    fn a_hello_is_heard_as_it_was_said(hello in any::hello()) {
        let bytes = hello::encode(&hello, keys().signing()).unwrap();
        prop_assert_eq!(bytes.len(), hello::encoded_len(&hello));
        let seen = hello::peek(&bytes).unwrap();
        prop_assert_eq!(seen.station(), hello.station.clone());
        prop_assert_eq!((seen.incarnation, seen.sequence), (hello.incarnation, hello.sequence));
        prop_assert_eq!(seen.session(), hello::Session::of(&hello.station, hello.incarnation));
        prop_assert_eq!(hello::decode(&bytes, &keys()), Ok(hello));
    }

    #[test]
    fn a_hello_with_any_bit_flipped_is_refused(hello in any::hello(), at in any::<Index>(), bit in 0..8_u8) {
        let mut bytes = hello::encode(&hello, keys().signing()).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(hello::decode(&bytes, &keys()).is_err());
    }

    #[test]
    fn a_hello_that_is_cut_or_longer_is_refused(hello in any::hello(), at in any::<Index>(), more: u8) {
        let mut bytes = hello::encode(&hello, keys().signing()).unwrap();
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert!(hello::decode(cut, &keys()).is_err());
        bytes.push(more);
        prop_assert_eq!(hello::decode(&bytes, &keys()), Err(hello::Refused::Unauthentic));
    }
}
