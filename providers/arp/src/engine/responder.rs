//! What is answered to a frame? A question for an address that is held here; nothing else.

use std::{net::IpAddr, time::Instant};

use super::{Ignored, Transmit, conflict::Sign, segment::Segment, shared::Shared, vip::Stance};
use crate::{
    Mac,
    wire::{
        Malformed,
        arp::{self, Operation},
        ethernet::{self, Frame},
        ndp::{self, Message},
    },
};

// === impl Segment ===

impl Segment {
    pub(super) fn handle_frame(
        &mut self,
        frame: &[u8],
        now: Instant,
        shared: &mut Shared,
    ) -> Result<(), Ignored> {
        let ethernet = ethernet::Packet::new_checked(frame).map_err(reason)?;
        match ethernet.ether_type() {
            ethernet::ARP => {
                let packet = arp::Packet::new_checked(frame).map_err(reason)?;
                self.handle_arp(&packet, now, shared)
            }
            ethernet::IPV6 => {
                let packet = ndp::Packet::new_checked(frame).map_err(reason)?;
                self.handle_ndp(&packet, now, shared)
            }
            _ => Err(Ignored::OtherProtocol),
        }
    }

    fn handle_arp(
        &mut self,
        packet: &arp::Packet<'_>,
        now: Instant,
        shared: &mut Shared,
    ) -> Result<(), Ignored> {
        let (repr, ethernet) = (packet.repr(), packet.ethernet());
        let own = self.interface.mac;
        if repr.sender_mac == own || ethernet.source() == own {
            return Err(Ignored::OwnFrame);
        }
        let address = IpAddr::V4(repr.target_ip);
        let sign = if repr.is_probe() {
            self.see_use(address, repr.sender_mac, Sign::Probe, now, shared)
        } else {
            let used = IpAddr::V4(repr.sender_ip);
            self.see_use(used, repr.sender_mac, Sign::Use, now, shared)
        };
        if repr.operation == Operation::Reply || repr.is_gratuitous() {
            return if sign { Ok(()) } else { Err(Ignored::NotAsked) };
        }
        let to = ethernet.destination();
        if to != own && to != Mac::BROADCAST {
            return Err(Ignored::OtherHost);
        }
        self.check_held(address)?;
        let reply = arp::reply(own, repr.target_ip, repr.sender_mac, repr.sender_ip);
        shared.stats.arp_answered += 1;
        self.answer(reply, shared);
        Ok(())
    }

    fn handle_ndp(
        &mut self,
        packet: &ndp::Packet<'_>,
        now: Instant,
        shared: &mut Shared,
    ) -> Result<(), Ignored> {
        let (repr, ethernet) = (packet.repr(), packet.ethernet());
        let own = self.interface.mac;
        if ethernet.source() == own {
            return Err(Ignored::OwnFrame);
        }
        let address = IpAddr::V6(repr.target);
        let source_mac = match repr.message {
            Message::Advertisement { target_mac, .. } => {
                let user = target_mac.unwrap_or_else(|| ethernet.source());
                return if self.see_use(address, user, Sign::Use, now, shared) {
                    Ok(())
                } else {
                    Err(Ignored::NotAsked)
                };
            }
            Message::Solicitation { source_mac } => source_mac.unwrap_or_else(|| ethernet.source()),
        };
        if repr.is_probe() {
            self.see_use(address, source_mac, Sign::Probe, now, shared);
        }
        let to = ethernet.destination();
        if to != own && to != ndp::group_mac(ndp::solicited_node(repr.target)) {
            return Err(Ignored::OtherHost);
        }
        self.check_held(address)?;
        let answer = if repr.is_probe() {
            ndp::announcement(own, repr.target)
        } else {
            ndp::answer(own, repr.target, source_mac, repr.source)
        };
        shared.stats.ndp_answered += 1;
        self.answer(answer, shared);
        Ok(())
    }

    /// One look-up, however many addresses there are.
    fn check_held(&self, address: IpAddr) -> Result<(), Ignored> {
        let vip = self.vips.get(&address).ok_or(Ignored::NotOurs)?;
        match vip.stance {
            Stance::Holding | Stance::HandingOver { .. } => Ok(()),
            Stance::Away | Stance::InLine { .. } | Stance::Probing { .. } | Stance::Barred => {
                Err(Ignored::NotHeld)
            }
        }
    }

    fn answer(&self, frame: Frame, shared: &mut Shared) {
        shared.send_urgently(Transmit::Frame {
            interface: self.interface.index,
            frame,
        });
    }
}

fn reason(malformed: Malformed) -> Ignored {
    match malformed {
        // Most of what a socket for IPv6 receives is somebody else's business.
        Malformed::EtherType | Malformed::NextHeader | Malformed::MessageKind | Malformed::Vlan => {
            Ignored::OtherProtocol
        }
        Malformed::Short
        | Malformed::AddressKind
        | Malformed::Operation
        | Malformed::IpVersion
        | Malformed::HopLimit
        | Malformed::Checksum
        | Malformed::Code
        | Malformed::Target
        | Malformed::Source
        | Malformed::Destination
        | Malformed::Solicited
        | Malformed::Options => Ignored::Malformed,
    }
}
