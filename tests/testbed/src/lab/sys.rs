//! Which calls to the kernel have no safe form?
//!
//! The only unsafe code of the test bed: a network namespace of one's own, a thread that is never kept waiting, and the
//! address of a packet socket. What they are for is decided elsewhere.
#![expect(unsafe_code, reason = "they have no safe form in rustix and socket2")]

use std::io;

use rustix::thread::UnshareFlags;
use socket2::{SockAddr, SockAddrStorage};

/// Moves the calling thread, and it alone, into a new network namespace.
pub(super) fn new_network_namespace() -> rustix::io::Result<()> {
    // SAFETY: what makes unshare unsafe is CLONE_FILES, which takes a thread's file descriptors apart from those of
    // the process. A network namespace does not touch them.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
}

/// Lets the calling thread, and those that it starts, run before all ordinary ones whenever it has something to do. A
/// thread that measures would measure its own waiting otherwise, on a machine with more to do than processors. Where the
/// machine does not allow that, nothing changes.
pub(super) fn run_first() {
    // SAFETY: all zeroes is a value of this struct of numbers.
    let mut first: libc::sched_param = unsafe { std::mem::zeroed() };
    first.sched_priority = 1;
    // SAFETY: 0 is the calling thread, and the struct is only read, during the call.
    let _ = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const first) };
}

/// The address of every frame of the kind `ether_type` on the interface of that index, for binding a packet socket.
pub(super) fn packet_address(ether_type: u16, interface: u32) -> io::Result<SockAddr> {
    let interface = i32::try_from(interface).map_err(io::Error::other)?;
    let family = libc::sa_family_t::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>());
    let address = libc::sockaddr_ll {
        sll_family: family,
        sll_protocol: ether_type.to_be(),
        sll_ifindex: interface,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    const { assert!(size_of::<libc::sockaddr_ll>() <= size_of::<SockAddrStorage>()) };
    const { assert!(align_of::<libc::sockaddr_ll>() <= align_of::<SockAddrStorage>()) };
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_ll is one of the kinds of address that the storage is for; its size and alignment are
    // asserted above.
    let place = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    *place = address;
    // SAFETY: the storage was just filled with an address of the family it names, of that length.
    Ok(unsafe { SockAddr::new(storage, length.map_err(io::Error::other)?) })
}
