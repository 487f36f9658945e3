//! What does a pod do?
//!
//! Answers whoever asks: over TCP, as HTTP/1.1, who it is and whom it sees; over UDP, with the same datagram. A pod is
//! sockets in its node's pod namespace, served by tasks of this process; dropping it closes them. The Pod object is
//! none of this file's business.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    runtime::Handle,
    task::{AbortHandle, JoinSet},
};

use super::namespace::Namespace;

/// A port that a pod answers on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    Tcp(u16),
    Udp(u16),
}

/// Who and where a pod is.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) pod: String,
    pub(super) node: String,
    pub(super) addresses: Vec<IpAddr>,
}

/// The sockets of a pod, being served.
#[derive(Debug)]
pub(super) struct Served(Vec<AbortHandle>);

/// Nobody asks with more.
const LONGEST: usize = 16 * 1024;

// === impl Served ===

impl Served {
    /// Serves a pod in `namespace`, where its addresses are, on the runtime of `handle`.
    pub(super) fn start(
        namespace: &Namespace,
        identity: &Arc<Identity>,
        ports: &[Port],
        handle: &Handle,
    ) -> Result<Self> {
        let mut tasks = Self(Vec::new());
        for address in &identity.addresses {
            for port in ports {
                let task = serve(namespace, identity, *address, *port, handle);
                let what = || format!("serving {port:?} of {address} as {}", identity.pod);
                tasks.0.push(task.with_context(what)?);
            }
        }
        Ok(tasks)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

fn serve(
    namespace: &Namespace,
    identity: &Arc<Identity>,
    address: IpAddr,
    port: Port,
    handle: &Handle,
) -> Result<AbortHandle> {
    let _runtime = handle.enter();
    let task = match port {
        Port::Tcp(port) => {
            let listener = namespace.inside(|| {
                let listener = std::net::TcpListener::bind((address, port))?;
                listener.set_nonblocking(true)?;
                Ok(listener)
            })?;
            let listener = TcpListener::from_std(listener)?;
            handle.spawn(answer_all(listener, Arc::clone(identity)))
        }
        Port::Udp(port) => {
            let socket = namespace.inside(|| {
                let socket = std::net::UdpSocket::bind((address, port))?;
                socket.set_nonblocking(true)?;
                Ok(socket)
            })?;
            handle.spawn(echo(UdpSocket::from_std(socket)?))
        }
    };
    Ok(task.abort_handle())
}

async fn answer_all(listener: TcpListener, identity: Arc<Identity>) {
    // The connections end with this task, because their set does.
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, client)) = listener.accept().await {
            connections.spawn(answer(stream, client, Arc::clone(&identity)));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Answers every request of a connection: whatever ends with an empty line.
async fn answer(mut stream: TcpStream, client: SocketAddr, identity: Arc<Identity>) {
    let Identity { pod, node, .. } = &*identity;
    let body = format!(
        "{}\n",
        json!({ "pod": pod, "node": node, "client": client })
    );
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.set_nodelay(true);
    let mut asked = Vec::new();
    while asked.len() < LONGEST
        && stream
            .read_buf(&mut asked)
            .await
            .is_ok_and(|length| length > 0)
    {
        while let Some(end) = asked.windows(4).position(|part| part == b"\r\n\r\n") {
            asked.drain(..end + 4);
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

async fn echo(socket: UdpSocket) {
    let mut datagram = vec![0; LONGEST];
    loop {
        if let Ok((length, from)) = socket.recv_from(&mut datagram).await {
            let said = datagram.get(..length).unwrap_or_default();
            let _ = socket.send_to(said, from).await;
        }
    }
}
