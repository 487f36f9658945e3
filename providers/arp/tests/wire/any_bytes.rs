//! Any bytes: noise, and messages that were damaged on the way. The bodies say what must hold of them.

use proptest::{collection::vec, prelude::*, sample::Index};
use roadstead_arp::wire::hello;

use crate::{any, bodies, captured};

/// Some bytes of `original` are others, and some at the end are missing or too many.
fn damaged(original: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<Index>(), any::<u8>()), 0..4);
    let end = (0_usize..40, vec(any::<u8>(), 0..20), 0..4_u8);
    (original, changes, end).prop_map(|(mut bytes, changes, (fewer, more, what))| {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        match what {
            0 => bytes.truncate(bytes.len().saturating_sub(fewer)),
            1 => bytes.extend(more),
            _ => {}
        }
        bytes
    })
}

fn captured_frame() -> impl Strategy<Value = Vec<u8>> {
    let frames: Vec<_> = captured::all()
        .into_iter()
        .map(|(_, frame)| frame)
        .collect();
    proptest::sample::select(frames)
}

/// A hello without its signature: the body signs it.
fn unsigned_hello() -> impl Strategy<Value = Vec<u8>> {
    let key = hello::Key::new(&[0; hello::Key::MIN_LEN]).unwrap();
    any::hello().prop_map(move |hello| {
        let mut bytes = hello::encode(&hello, &key).unwrap();
        bytes.truncate(bytes.len() - 32);
        bytes
    })
}

proptest! {
    #[test]
    fn noise_is_borne(bytes in vec(any::<u8>(), 0..200)) {
        bodies::arp(&bytes);
        bodies::ndp(&bytes);
        bodies::hello(&bytes);
    }

    #[test]
    fn a_damaged_frame_is_borne(frame in damaged(captured_frame())) {
        bodies::arp(&frame);
        bodies::ndp(&frame);
    }

    #[test]
    fn a_damaged_hello_is_borne(bytes in damaged(unsigned_hello())) {
        bodies::hello(&bytes);
    }
}

#[test]
fn a_captured_frame_is_understood_by_exactly_one_codec() {
    use roadstead_arp::wire::{arp, ndp};
    for (name, frame) in captured::all() {
        let arp = arp::Packet::new_checked(&frame).is_ok();
        let ndp = ndp::Packet::new_checked(&frame).is_ok();
        assert_eq!(
            (arp, ndp),
            (name.starts_with("arp"), name.starts_with("ndp"))
        );
    }
}
