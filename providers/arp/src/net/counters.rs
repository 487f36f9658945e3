//! What have the sockets done so far? Counters that only grow, but for those that say how much there is.

/// What went in and out, and what did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetStats {
    /// ARP frames received.
    pub arp_received: u64,
    /// ARP frames sent.
    pub arp_sent: u64,
    /// Frames of neighbour discovery received.
    pub ndp_received: u64,
    /// Frames of neighbour discovery sent.
    pub ndp_sent: u64,
    /// Frames that came faster than they were taken, and that the kernel dropped.
    pub frames_dropped: u64,
    /// Hello datagrams received, second copies included.
    pub hellos_received: u64,
    /// Hello datagrams sent: one for each family of an interface.
    pub hellos_sent: u64,
    /// Frames and hellos that the kernel refused to send.
    pub send_failures: u64,
    /// Times that announcements had to wait because an interface's queue was full.
    pub sent_later: u64,
    /// Announcements that were given up because too many waited.
    pub given_up: u64,
    /// Times that a socket failed while receiving.
    pub receive_failures: u64,
    /// Times that an interface's sockets, or a membership, could not be had.
    pub open_failures: u64,
    /// Times that the kernel's news about links were lost and everything was asked anew.
    pub link_overruns: u64,
    /// Solicited-node groups joined at present.
    pub groups: u64,
    /// Sockets that this takes.
    pub group_sockets: u64,
    /// Times that the thread woke.
    pub wakes: u64,
}
