//! Which calls to the kernel has no safe crate yet? The only file of this crate with `unsafe` in it, and nothing else.
#![allow(
    unsafe_code,
    reason = "link-layer addresses, packet socket options and hop limits have no safe wrapper"
)]

use std::{
    io,
    mem::{self, MaybeUninit},
    os::fd::{AsFd, AsRawFd},
    ptr,
    time::Duration,
};

use socket2::{SockAddr, Socket};

use crate::InterfaceIndex;

/// Room for the control messages asked for: one 32-bit number with its header needs 24 bytes.
const CONTROL_ROOM: usize = 64;

/// What a packet socket has seen since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PacketCounts {
    /// Frames that passed the filter, those dropped included.
    pub(super) passed: u32,
    /// Frames that passed the filter and found no room in the receive buffer.
    pub(super) dropped: u32,
}

/// A control message buffer, aligned as the kernel wants it.
#[repr(C)]
union Control {
    bytes: [u8; CONTROL_ROOM],
    _align: mem::ManuallyDrop<libc::cmsghdr>,
}

/// The address that binds a packet socket to `protocol` (an ethertype, in host order) on one interface.
pub(super) fn link_address(protocol: u16, index: InterfaceIndex) -> io::Result<SockAddr> {
    // SAFETY: `try_init` hands a zeroed `sockaddr_storage` and its size; `sockaddr_ll` is smaller and needs no stricter
    // alignment, and the length set is that of what was written.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = libc::sa_family_t::try_from(libc::AF_PACKET).unwrap_or_default();
            (*link).sll_protocol = protocol.to_be();
            (*link).sll_ifindex = i32::try_from(index.0).unwrap_or(i32::MAX);
            *length = length_of::<libc::sockaddr_ll>();
            Ok(())
        })
    }?;
    Ok(address)
}

/// The socket no longer sees what this machine itself sends (Linux 4.20).
pub(super) fn ignore_outgoing(socket: &Socket) -> io::Result<()> {
    set_option(socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)
}

/// Every datagram received says with how many hops left it came (IPv4).
pub(super) fn receive_ttl(socket: &Socket) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_IP, libc::IP_RECVTTL, 1)
}

/// What the socket has seen; asking starts the count anew.
pub(super) fn packet_counts(socket: &Socket) -> io::Result<PacketCounts> {
    let mut counts = MaybeUninit::<libc::tpacket_stats>::zeroed();
    let mut length = length_of::<libc::tpacket_stats>();
    // SAFETY: the pointer is to `length` writable bytes that outlive the call.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            counts.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zeroed before the call, and every bit pattern is valid for two 32-bit numbers.
    let counts = unsafe { counts.assume_init() };
    Ok(PacketCounts {
        passed: counts.tp_packets,
        dropped: counts.tp_drops,
    })
}

/// Asks for turns of at most `turn` on the processor for the calling thread: the shorter they are, the sooner it gets one
/// when it wakes among others (Linux 6.12; before, it changes nothing). It gets no more of the processor in all, and
/// needs no privilege.
pub(super) fn ask_for_short_turns(turn: Duration) -> io::Result<()> {
    // SAFETY: all zeroes is a valid `sched_attr`, which is made of integers.
    let mut attributes: libc::sched_attr = unsafe { mem::zeroed() };
    let size = length_of::<libc::sched_attr>();
    // SAFETY: thread 0 is the calling one, and the pointer is to `size` writable bytes that outlive the call.
    let answer = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    attributes.sched_runtime = u64::try_from(turn.as_nanos()).unwrap_or(u64::MAX);
    // SAFETY: the pointer is to a whole `sched_attr` that says its own size and outlives the call.
    let answer = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// One datagram, and with how many hops left it came if the kernel says so. Never blocks, whatever the socket's mode.
pub(super) fn receive_with_hop_limit(
    socket: impl AsFd,
    buffer: &mut [u8],
) -> io::Result<(usize, Option<u8>)> {
    let mut control = Control {
        bytes: [0; CONTROL_ROOM],
    };
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: all zeroes is a valid `msghdr`: null pointers with zero lengths.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    message.msg_controllen = CONTROL_ROOM as _;
    // SAFETY: `message` points to one part, whose pointer and length are those of `buffer`, and to CONTROL_ROOM bytes of
    // control buffer; both outlive the call, and nothing else refers to them meanwhile.
    let length = unsafe {
        libc::recvmsg(
            socket.as_fd().as_raw_fd(),
            &raw mut message,
            libc::MSG_DONTWAIT,
        )
    };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    Ok((length, hop_limit(&message)))
}

/// The hop limit among the control messages of `message`, which the kernel has filled in.
fn hop_limit(message: &libc::msghdr) -> Option<u8> {
    // SAFETY: the kernel set `msg_controllen` to what it wrote into the buffer, which is still alive and aligned; the
    // macros step through no more than that.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: not null, so it lies within the buffer with room for a whole header.
        let (level, kind) = unsafe { ((*header).cmsg_level, (*header).cmsg_type) };
        if matches!(
            (level, kind),
            (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT)
        ) {
            // SAFETY: both messages carry one `int`; `read_unaligned` asks nothing of its place.
            let value = unsafe { ptr::read_unaligned(libc::CMSG_DATA(header).cast::<i32>()) };
            return u8::try_from(value).ok();
        }
        // SAFETY: as for the first.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    None
}

fn set_option(socket: &Socket, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the pointer is to one `int` that outlives the call, and the length says so.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            length_of::<i32>(),
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or_default()
}
