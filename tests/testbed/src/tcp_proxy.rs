//! What if the network between two programs fails?
//!
//! A proxy, on 127.0.0.1 unless told otherwise, whose connections can be cut or frozen while both programs go on running. It looks at no
//! byte that it moves.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    select,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::kubeconfig;

/// A TCP proxy in front of one upstream.
///
/// It belongs to the runtime it was started on. Dropping it ends every connection.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    network: watch::Sender<Network>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Network {
    state: State,
    /// How often it was cut: a connection must not survive a cut that was healed before it noticed.
    cuts: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Whole,
    Frozen,
    Cut,
}

/// What a connection sees of the network.
#[derive(Clone)]
struct Wire {
    network: watch::Receiver<Network>,
    cuts: u64,
}

// === impl TcpProxy ===

impl TcpProxy {
    /// Listens on a free port of 127.0.0.1 and hands every connection to `upstream`.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start(upstream: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.with_context(|| format!("listening as a proxy of {upstream}"))?;
        Self::on(listener, upstream)
    }

    /// Takes the connections of a listener, which may be one of another network namespace.
    pub(crate) fn on(listener: TcpListener, upstream: SocketAddr) -> Result<Self> {
        let address = listener
            .local_addr()
            .with_context(|| format!("listening as a proxy of {upstream}"))?;
        let (network, seen) = watch::channel(Network::default());
        let accepting = tokio::spawn(accept(listener, upstream, seen));
        Ok(Self {
            address,
            network,
            accepting,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every connection and, until [`Self::heal`], every new one.
    pub fn cut(&self) {
        self.network.send_modify(|network| {
            network.state = State::Cut;
            network.cuts += 1;
        });
    }

    /// Moves no byte until [`Self::heal`], as when packets are dropped: connections stay open, new ones are taken
    /// and stay silent.
    pub fn freeze(&self) {
        self.network
            .send_modify(|network| network.state = State::Frozen);
    }

    /// Ends [`Self::cut`] and [`Self::freeze`].
    pub fn heal(&self) {
        self.network
            .send_modify(|network| network.state = State::Whole);
    }

    /// Writes to the folder `dir` a copy of a kubeconfig that goes through this proxy, and returns its path. The
    /// server's certificate is still checked against the server's own name.
    ///
    /// # Errors
    /// A file cannot be read or written, or names no server.
    pub fn kubeconfig_through(&self, original: &Path, dir: &Path) -> Result<PathBuf> {
        let name = original.file_name().unwrap_or_default().to_string_lossy();
        let path = dir.join(format!("{name}-through-{}", self.address.port()));
        kubeconfig::through(original, self.address, &path)?;
        Ok(path)
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

// === impl Wire ===

impl Wire {
    /// Returns when bytes may move, or `None` when the connection is cut.
    async fn whole(&mut self) -> Option<()> {
        let cuts = self.cuts;
        let moves = |network: &Network| network.cuts != cuts || network.state == State::Whole;
        let network = *self.network.wait_for(moves).await.ok()?;
        (network.cuts == cuts).then_some(())
    }

    /// Does `work` while bytes may move. `None`: the network changed before it was done.
    async fn while_whole<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        select! {
            biased;
            _ = self.network.changed() => None,
            done = work => Some(done),
        }
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, network: watch::Receiver<Network>) {
    // The connections end with this task, because their set does.
    let mut connections = JoinSet::new();
    loop {
        select! {
            accepted = listener.accept() => {
                let now = *network.borrow();
                if let Ok((client, _)) = accepted && now.state != State::Cut {
                    let wire = Wire { network: network.clone(), cuts: now.cuts };
                    connections.spawn(carry(client, upstream, wire));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carries bytes both ways until both ends have said their last, or the network is cut.
async fn carry(client: TcpStream, upstream: SocketAddr, mut wire: Wire) {
    if wire.whole().await.is_none() {
        return;
    }
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let up = pump(client_reads, server_writes, wire.clone());
    let down = pump(server_reads, client_writes, wire);
    // One direction may end while the other goes on; an error or a cut ends both.
    let _ = tokio::try_join!(up, down);
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut wire: Wire) -> io::Result<()> {
    let cut = || io::Error::from(io::ErrorKind::ConnectionReset);
    let mut buffer = vec![0; 16 * 1024];
    loop {
        wire.whole().await.ok_or_else(cut)?;
        // Both read and write lose nothing when they are given up half-way.
        let Some(length) = wire.while_whole(from.read(&mut buffer)).await else {
            continue;
        };
        let mut rest = buffer.get(..length?).unwrap_or_default();
        if rest.is_empty() {
            wire.whole().await.ok_or_else(cut)?;
            return to.shutdown().await;
        }
        while !rest.is_empty() {
            wire.whole().await.ok_or_else(cut)?;
            if let Some(written) = wire.while_whole(to.write(rest)).await {
                rest = rest.get(written?..).unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a helper of tests may end the test")]

    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Answers every byte with itself, on a connection through a proxy.
    async fn echo() -> (TcpProxy, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let upstream = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reads, mut writes) = connection.into_split();
                    tokio::io::copy(&mut reads, &mut writes).await
                });
            }
        });
        let proxy = TcpProxy::start(upstream).await.unwrap();
        let client = TcpStream::connect(proxy.address()).await.unwrap();
        (proxy, client)
    }

    async fn say(client: &mut TcpStream, word: &[u8]) {
        client.write_all(word).await.unwrap();
    }

    async fn hear(client: &mut TcpStream, word: &[u8]) {
        let mut heard = vec![0; word.len()];
        timeout(Duration::from_secs(5), client.read_exact(&mut heard))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(heard, word);
    }

    async fn is_closed(client: &mut TcpStream) -> bool {
        let read = timeout(Duration::from_secs(5), client.read(&mut [0]))
            .await
            .unwrap();
        matches!(read, Ok(0) | Err(_))
    }

    #[tokio::test]
    async fn frozen_bytes_arrive_after_healing() {
        let (proxy, mut client) = echo().await;
        say(&mut client, b"before").await;
        hear(&mut client, b"before").await;

        proxy.freeze();
        say(&mut client, b"after").await;
        let silence = timeout(Duration::from_millis(100), client.read(&mut [0])).await;
        assert!(silence.is_err(), "a byte moved: {silence:?}");
        let mut newcomer = TcpStream::connect(proxy.address()).await.unwrap();
        say(&mut newcomer, b"new").await;

        proxy.heal();
        hear(&mut client, b"after").await;
        hear(&mut newcomer, b"new").await;
    }

    #[tokio::test]
    async fn a_cut_ends_connections_and_refuses_new_ones_until_healed() {
        let (proxy, mut client) = echo().await;
        say(&mut client, b"before").await;
        hear(&mut client, b"before").await;

        proxy.cut();
        assert!(is_closed(&mut client).await);
        let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(is_closed(&mut refused).await);

        proxy.heal();
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        say(&mut client, b"again").await;
        hear(&mut client, b"again").await;
    }

    #[tokio::test]
    async fn a_cut_that_is_healed_at_once_still_ends_connections() {
        let (proxy, mut client) = echo().await;
        say(&mut client, b"before").await;
        hear(&mut client, b"before").await;
        proxy.cut();
        proxy.heal();
        assert!(is_closed(&mut client).await);
    }

    #[tokio::test]
    async fn the_end_of_one_direction_leaves_the_other_open() {
        let (_proxy, mut client) = echo().await;
        say(&mut client, b"last words").await;
        client.shutdown().await.unwrap();
        hear(&mut client, b"last words").await;
        assert!(is_closed(&mut client).await);
    }
}
