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
/// What is asked for with a body may be much: a thousand instances take some seconds to come up.
pub(crate) const DONE_WITHIN: Duration = Duration::from_mins(1);

/// Status and body of `GET path`.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    ask(address, "GET", path, "", "", ANSWER_WITHIN).await
}

/// Status and body of `POST path` with a body of JSON.
pub(crate) async fn post_json(
    address: SocketAddr,
    path: &str,
    body: &str,
) -> Result<(u16, String)> {
    let head = format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    ask(address, "POST", path, &head, body, DONE_WITHIN).await
}

async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    head: &str,
    body: &str,
    within: Duration,
) -> Result<(u16, String)> {
    let what = || format!("{method} {path} at {address}");
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n{head}\r\n{body}"
    );
    let answer = timeout(within, exchange(address, &request)).await;
    let answer = answer
        .with_context(|| format!("{}: no answer within {within:?}", what()))?
        .with_context(what)?;
    parse(&answer).ok_or_else(|| anyhow!("{}: not an HTTP answer: {answer:?}", what()))
}

async fn exchange(address: SocketAddr, request: &str) -> Result<String> {
    let mut connection = TcpStream::connect(address).await?;
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
