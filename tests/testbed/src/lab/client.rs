//! What does a client on the segment see?
//!
//! Ordinary TCP connections from an ordinary neighbour of the nodes, and its neighbour table. Nothing is said here
//! about how the answers come about.

use std::{
    net::{IpAddr, SocketAddr, TcpStream as StdTcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::{
    address::{Interface, Mac},
    namespace::Namespace,
};

/// The machine from which Services are asked.
#[derive(Debug)]
pub struct Client {
    pub(super) namespace: Namespace,
    pub(super) interface: Interface,
}

/// What a pod answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Answer {
    /// The pod's name.
    pub pod: String,
    /// The node that it is on.
    pub node: String,
    /// The client, as the pod sees it.
    pub client: SocketAddr,
}

/// A TCP connection that stays open.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    to: SocketAddr,
}

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// [`Client::get_until`] must not spend its time on a packet that was lost.
const TRY_WITHIN: Duration = Duration::from_millis(300);
const TRY_EVERY: Duration = Duration::from_millis(20);
/// A pod's answer is one line of JSON.
const LONGEST: usize = 4096;

// === impl Client ===

impl Client {
    /// Its interface and addresses.
    #[must_use]
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Asks once, over a connection of its own.
    ///
    /// # Errors
    /// It is not connected within 2 s, or not answered within 5 s.
    pub async fn get(&self, ip: IpAddr, port: u16) -> Result<Answer> {
        self.connect_kept(ip, port).await?.ask().await
    }

    /// Asks again and again until there is an answer.
    ///
    /// # Errors
    /// There is none within `deadline`; the error is the last one.
    pub async fn get_until(&self, ip: IpAddr, port: u16, deadline: Duration) -> Result<Answer> {
        let end = Instant::now() + deadline;
        loop {
            let tried = async { self.connect_within(ip, port, TRY_WITHIN).await?.ask().await };
            match tried.await {
                Ok(answer) => return Ok(answer),
                Err(error) if Instant::now() >= end => {
                    return Err(error.context(format!("waited {deadline:?} for an answer")));
                }
                Err(_) => sleep(TRY_EVERY).await,
            }
        }
    }

    /// Opens a connection to be used later. It belongs to the caller's runtime.
    ///
    /// # Errors
    /// It is not connected within 2 s.
    pub async fn connect_kept(&self, ip: IpAddr, port: u16) -> Result<Connection> {
        self.connect_within(ip, port, CONNECT_WITHIN).await
    }

    async fn connect_within(&self, ip: IpAddr, port: u16, within: Duration) -> Result<Connection> {
        let to = SocketAddr::new(ip, port);
        let what = || format!("connecting to {to}");
        let connect = move || {
            let stream = StdTcpStream::connect_timeout(&to, within)?;
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = self.namespace.inside_async(connect).await;
        let stream = TcpStream::from_std(stream.with_context(what)?).with_context(what)?;
        Ok(Connection { stream, to })
    }

    /// Where it sends packets for `ip`: its neighbour table. `None`: it does not know, or has given up.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn neighbour(&self, ip: IpAddr) -> Result<Option<Mac>> {
        let ip = ip.to_string();
        let shown = self
            .namespace
            .output("ip", &["neigh", "show", "to", &ip, "dev", "eth0"])?;
        let mut words = shown
            .split_whitespace()
            .skip_while(|word| *word != "lladdr");
        words.nth(1).map(str::parse).transpose()
    }

    /// Writes into its neighbour table, for good: packets for `ip` go to `mac`.
    ///
    /// # Errors
    /// The table cannot be written.
    pub fn set_neighbour(&self, ip: IpAddr, mac: Mac) -> Result<()> {
        self.namespace
            .ip(&format!("neigh replace {ip} lladdr {mac} dev eth0"))
    }

    /// Forgets where packets for `ip` go, as after a long silence.
    ///
    /// # Errors
    /// The table cannot be written.
    pub fn forget_neighbour(&self, ip: IpAddr) -> Result<()> {
        if self.neighbour(ip)?.is_some() {
            self.namespace.ip(&format!("neigh del {ip} dev eth0"))?;
        }
        Ok(())
    }
}

// === impl Connection ===

impl Connection {
    /// Asks over this connection.
    ///
    /// # Errors
    /// There is no answer within 5 s, or the connection has ended.
    pub async fn ask(&mut self) -> Result<Answer> {
        self.ask_within(ANSWER_WITHIN).await
    }

    /// [`Self::ask`] with another deadline.
    ///
    /// # Errors
    /// Those of [`Self::ask`].
    pub async fn ask_within(&mut self, deadline: Duration) -> Result<Answer> {
        let to = self.to;
        let answer = timeout(deadline, self.exchange()).await;
        answer
            .map_err(|_| anyhow!("no answer within {deadline:?}"))
            .flatten()
            .with_context(|| format!("asking {to}"))
    }

    async fn exchange(&mut self) -> Result<Answer> {
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", self.to);
        self.stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        loop {
            if let Some(body) = body(&answer) {
                return serde_json::from_slice(body).context("reading the answer");
            }
            if self.stream.read_buf(&mut answer).await? == 0 || answer.len() > LONGEST {
                bail!(
                    "the answer is cut off: {:?}",
                    String::from_utf8_lossy(&answer)
                );
            }
        }
    }
}

/// The body of a whole answer.
fn body(answer: &[u8]) -> Option<&[u8]> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    })?;
    (body.len() >= length).then_some(body.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
        assert_eq!(body(whole), Some(&b"body"[..]));
        for length in 0..whole.len() {
            assert_eq!(body(&whole[..length]), None);
        }
    }
}
