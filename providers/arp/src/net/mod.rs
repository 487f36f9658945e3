//! How does the engine reach the segment? Sockets, the kernel's news about interfaces, and the one thread that runs the
//! engine. Nothing here decides who answers for what.

mod announcer;
mod command;
mod counters;
mod filter;
mod frames;
mod groups;
mod heeded;
mod hellos;
mod netlink;
mod outbox;
mod ports;
mod selection;
mod sys;
mod thread;
mod wait;

pub use self::{
    announcer::{Announcer, EndReason, Ended, StartError, start},
    counters::NetStats,
    frames::{FrameKind, FrameSocket},
    groups::Groups,
    hellos::{Datagram, Family, HelloSocket},
    netlink::{LinkWatch, News},
    selection::{BadPattern, LinkSelection, NamePattern, Unusable},
};
