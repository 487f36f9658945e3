//! What must hold of any bytes at all? Called by the fuzz targets, and by the crate's own property tests, so that what the
//! fuzzer runs is built and run with every change.

use hmac::{Hmac, KeyInit, Mac as _};
use roadstead_arp::wire::{arp, hello, ndp};
use sha2::Sha256;

const KEY: &str = "a key for fuzzing, of no use elsewhere";

/// Reads ARP: no panic, and what is understood is written as it was read.
///
/// A fuzzer finds eight bytes at once hardly ever, so they are made to be about IPv4 over Ethernet and read once more.
pub fn arp(frame: &[u8]) {
    one_arp(frame);
    let mut mended = frame.to_vec();
    if let Some(kind) = mended.get_mut(12..20) {
        kind.copy_from_slice(&[0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4]);
        one_arp(&mended);
    }
}

fn one_arp(frame: &[u8]) {
    let Ok(packet) = arp::Packet::new_checked(frame) else {
        return;
    };
    let written = packet.repr().emit(packet.ethernet().destination());
    assert_eq!(written[12..], frame[12..written.len()]);
    let again = arp::Packet::new_checked(&written).map(|packet| packet.repr());
    assert_eq!(again, Ok(packet.repr()));
}

/// Reads neighbour discovery: no panic, and what is understood says the same when it is written.
///
/// Few bytes are `ICMPv6` from the segment itself with the right checksum, so they are made to be and read once more; and as
/// what asks without an address of its own, which goes to one group only.
pub fn ndp(frame: &[u8]) {
    one_ndp(frame);
    let mut mended = frame.to_vec();
    if mend(&mut mended).is_some() {
        one_ndp(&mended);
    }
    if probe(&mut mended).is_some() {
        one_ndp(&mended);
    }
}

fn one_ndp(frame: &[u8]) {
    let Ok(packet) = ndp::Packet::new_checked(frame) else {
        return;
    };
    let ethernet = packet.ethernet();
    let written = packet
        .repr()
        .emit(ethernet.source(), ethernet.destination());
    let again = ndp::Packet::new_checked(&written).map(|packet| packet.repr());
    assert_eq!(again, Ok(packet.repr()));
}

/// Sets right what the headers must say, a length that is too long, and the checksum.
fn mend(frame: &mut [u8]) -> Option<()> {
    let longest = u16::try_from(frame.len().checked_sub(54)?).ok()?;
    frame[12..14].copy_from_slice(&[0x86, 0xdd]);
    frame[14] = 0x60 | (frame[14] & 0x0f);
    frame[20..22].copy_from_slice(&[58, 255]);
    let length = u16::from_be_bytes([frame[18], frame[19]]).min(longest);
    frame[18..20].copy_from_slice(&length.to_be_bytes());
    sum(frame)
}

/// From no address, to the group of the address that is asked for.
fn probe(frame: &mut [u8]) -> Option<()> {
    let last: [u8; 3] = *frame.get(75..)?.first_chunk()?;
    frame[22..38].fill(0);
    frame[38..51].copy_from_slice(&[0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]);
    frame[51..54].copy_from_slice(&last);
    sum(frame)
}

/// Sets the checksum right, computed word by word and on no code of ours.
fn sum(frame: &mut [u8]) -> Option<()> {
    let length = u16::from_be_bytes(*frame.get(18..)?.first_chunk()?);
    let message = 54..54 + usize::from(length);
    frame.get_mut(56..58)?.fill(0);
    let mut covered = frame.get(22..54)?.to_vec();
    covered.extend(frame.get(message)?);
    if length % 2 == 1 {
        // The message's last byte is the high half of a word.
        covered.push(0);
    }
    let mut sum = u64::from(length) + 58;
    for word in covered.chunks_exact(2) {
        sum += u64::from(word[0]) << 8 | u64::from(word[1]);
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let sum = !u16::try_from(sum).ok()?;
    frame[56..58].copy_from_slice(&sum.to_be_bytes());
    Some(())
}

/// Reads a hello: no panic, whether it is signed or not; and what is understood is written and read as the same.
pub fn hello(bytes: &[u8]) {
    let keys = hello::Keys::parse(KEY).unwrap();
    one_hello(bytes, &keys);
    // A fuzzer finds no HMAC, so the bytes are signed as well.
    let mut hmac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    hmac.update(bytes);
    let signed = [bytes, &hmac.finalize().into_bytes()].concat();
    assert_ne!(
        hello::decode(&signed, &keys),
        Err(hello::Refused::Unauthentic)
    );
    one_hello(&signed, &keys);
}

fn one_hello(bytes: &[u8], keys: &hello::Keys) {
    let seen = hello::peek(bytes);
    let heard = hello::decode(bytes, keys);
    match (seen, heard) {
        (Ok(seen), Ok(heard)) => {
            assert_eq!(seen.station(), heard.station);
            assert_eq!(seen.incarnation, heard.incarnation);
            assert_eq!(seen.sequence, heard.sequence);
            let written = hello::encode(&heard, keys.signing()).unwrap();
            assert_eq!(written.len(), hello::encoded_len(&heard));
            assert!(written.len() <= bytes.len());
            assert_eq!(hello::decode(&written, keys), Ok(heard));
        }
        // What a peek refuses, nobody computes an HMAC for.
        (Err(seen), heard) => assert_eq!(heard, Err(seen)),
        (Ok(_), Err(_)) => {}
    }
}
