//! What does an HTTP endpoint of a process answer?
//!
//! The smallest client that will do: plain HTTP/1.0 to a local address, one request per connection. The older
//! version keeps the answer free of chunks.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Status and body of `GET path`.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let what = || format!("getting {path} from {address}");
    let answer = timeout(ANSWER_WITHIN, exchange(address, path)).await;
    let answer = answer
        .with_context(|| format!("{}: no answer within {ANSWER_WITHIN:?}", what()))?
        .with_context(what)?;
    parse(&answer).ok_or_else(|| anyhow!("{}: not an HTTP answer: {answer:?}", what()))
}

async fn exchange(address: SocketAddr, path: &str) -> Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head
        .strip_prefix("HTTP/1.")?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    Some((status, body.to_owned()))
}
