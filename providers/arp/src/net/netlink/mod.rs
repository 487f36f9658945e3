//! Which interfaces are there, and what happens to them? The kernel is asked once and tells every change from then on;
//! nothing is polled. It is asked again only when it says that news were lost.
//!
//! The parser (`message`) is our own: two kinds of message and a dozen attributes are needed, where the crates for
//! netlink bring some forty thousand lines and an executor.

mod message;
mod table;

use std::{
    fmt, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
        netlink::SocketAddrNetlink,
        sockopt::{self, Timeout},
    },
};

use self::{
    message::{Dump, Message},
    table::Table,
};
use super::{LinkSelection, Unusable};
use crate::Interface;

/// News asked for: links, and addresses of both families.
const NEWS: i32 = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;

/// A datagram of netlink is at most this long: the kernel fills pages, of 32 KiB at the most.
const DATAGRAM: usize = 32 * 1024;

/// How many datagrams are read before others get their turn.
const BATCH: usize = 64;

/// How long the kernel may take to answer. It does so within the call, so this never passes.
const PATIENCE: Duration = Duration::from_secs(2);

/// The links of the network namespace in which this was opened.
pub struct LinkWatch {
    news: OwnedFd,
    table: Table,
    buffer: Box<[u8]>,
    overruns: u64,
}

/// What [`LinkWatch::receive`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing more at present.
    None,
    /// Something that may change which interfaces can announce, and there may be more.
    Change,
    /// A good deal that did not matter, and there may be more.
    More,
}

// === impl LinkWatch ===

impl LinkWatch {
    /// Subscribes to the news, then asks how things are. Needs no privilege.
    pub fn open() -> io::Result<Self> {
        let news = socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
        rustix::net::bind(&news, &SocketAddrNetlink::new(0, NEWS.cast_unsigned()))?;
        let table = dump()?;
        Ok(Self {
            news,
            table,
            buffer: vec![0; DATAGRAM].into(),
            overruns: 0,
        })
    }

    /// Takes in news up to the first that may change what [`Self::usable`] says for `selection`, so that nothing that
    /// lasts but a moment is missed. To be called in the network namespace in which this was opened.
    pub fn receive(&mut self, selection: &LinkSelection) -> io::Result<News> {
        for _ in 0..BATCH {
            match rustix::net::recv(&self.news, &mut *self.buffer, RecvFlags::DONTWAIT) {
                Ok((length, _)) => {
                    let mut matter = false;
                    for message in message::messages(self.buffer.get(..length).unwrap_or_default())
                    {
                        matter |= self.table.apply(message, selection);
                    }
                    if matter {
                        return Ok(News::Change);
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => return Ok(News::None),
                // News were lost, so only asking anew helps. What is still queued ends before what was lost: taken in
                // after the answer, it would set the clock back.
                Err(Errno::NOBUFS) => {
                    self.overruns += 1;
                    self.discard()?;
                    self.table = dump()?;
                    return Ok(News::Change);
                }
                Err(source) => return Err(source.into()),
            }
        }
        Ok(News::More)
    }

    /// Empties the queue. The kernel adds nothing to one that has overflowed until it is empty, so this ends.
    fn discard(&mut self) -> io::Result<()> {
        loop {
            match rustix::net::recv(&self.news, &mut *self.buffer, RecvFlags::DONTWAIT) {
                Ok(_) | Err(Errno::NOBUFS | Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(source) => return Err(source.into()),
            }
        }
    }

    /// The interfaces that can announce, by number.
    #[must_use]
    pub fn usable(&self, selection: &LinkSelection) -> Vec<Interface> {
        self.table.usable(selection)
    }

    /// The interfaces that cannot, and why, by number.
    #[must_use]
    pub fn unusable(&self, selection: &LinkSelection) -> Vec<(String, Unusable)> {
        self.table.unusable(selection)
    }

    /// How often news were lost and everything was asked anew.
    #[must_use]
    pub fn overruns(&self) -> u64 {
        self.overruns
    }
}

impl AsFd for LinkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }
}

impl fmt::Debug for LinkWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkWatch").finish_non_exhaustive()
    }
}

/// How everything is at this moment: links first, so that every address finds its link. A socket of its own, so that
/// answers and news do not mix.
fn dump() -> io::Result<Table> {
    let socket = socket(SocketFlags::CLOEXEC)?;
    sockopt::set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    let mut table = Table::default();
    for what in [Dump::Links, Dump::Addresses] {
        rustix::net::sendto(
            &socket,
            &what.request(),
            SendFlags::empty(),
            &SocketAddrNetlink::new(0, 0),
        )?;
        read_dump(&socket, &mut table)?;
    }
    Ok(table)
}

fn read_dump(socket: &OwnedFd, table: &mut Table) -> io::Result<()> {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let (length, _) = rustix::net::recv(socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        for message in message::messages(buffer.get(..length).unwrap_or_default()) {
            match message {
                Message::Done => return Ok(()),
                Message::Failed(number) => return Err(io::Error::from_raw_os_error(number)),
                told => {
                    table.apply(told, &LinkSelection::default());
                }
            }
        }
    }
}

fn socket(flags: SocketFlags) -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        flags,
        // NETLINK_ROUTE is number 0, which is what none stands for.
        None,
    )?)
}
