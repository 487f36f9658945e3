//! How does the engine reach the segment? Sockets, the kernel's news about interfaces, and the one thread that runs the
//! engine. Nothing here decides who answers for what.

mod filter;
mod frames;
mod groups;
mod hellos;
mod netlink;
mod selection;
mod sys;

pub use self::{
    frames::{FrameKind, FrameSocket},
    groups::Groups,
    hellos::{Datagram, Family, GROUP_V4, GROUP_V6, HOP_LIMIT, HelloSocket, PORT},
    netlink::LinkWatch,
    selection::{BadPattern, LinkSelection, NamePattern, Unusable},
};
