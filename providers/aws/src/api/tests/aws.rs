//! An AWS of canned answers on this machine's loopback: it says what it was told to say, in turn, and remembers what it was asked.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use aws_config::Region;
use aws_credential_types::Credentials;
use aws_smithy_types::timeout::TimeoutConfig;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::super::*;

/// What is said to one call.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// This, with an HTTP status.
    Says(u16, String),
    /// Nothing; the connection ends.
    Cut,
    /// Nothing; the connection stays.
    Silence,
}

/// What one call asked: the parameters of its form.
pub(super) type Asked = BTreeMap<String, String>;

#[derive(Debug)]
pub(super) struct Aws {
    endpoint: String,
    script: Arc<Script>,
    accepts: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Asked>>,
}

// === impl Answer ===

impl Answer {
    /// The result of an action of ELBv2.
    pub(super) fn elb(action: &str, result: &str) -> Self {
        Self::Says(
            200,
            format!(
                "<{action}Response xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><{action}Result>{result}</{action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
            ),
        )
    }

    /// The result of an action of EC2.
    pub(super) fn ec2(action: &str, result: &str) -> Self {
        Self::Says(
            200,
            format!(
                "<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>1</requestId>{result}</{action}Response>"
            ),
        )
    }

    /// A refusal by ELBv2.
    pub(super) fn elb_error(status: u16, code: &str, message: &str) -> Self {
        Self::Says(
            status,
            format!(
                "<ErrorResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
            ),
        )
    }

    /// A refusal by EC2.
    pub(super) fn ec2_error(status: u16, code: &str, message: &str) -> Self {
        Self::Says(
            status,
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>1</RequestID></Response>"
            ),
        )
    }
}

// === impl Aws ===

impl Aws {
    /// One that gives these answers, one after the other.
    pub(super) async fn that(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Script {
            answers: Mutex::new(answers.into_iter().collect()),
            asked: Mutex::default(),
        });
        let accepts = tokio::spawn(accept(listener, Arc::clone(&script)));
        Self {
            endpoint,
            script,
            accepts,
        }
    }

    /// The API, asked here, as it is in earnest but for where it is and who asks.
    pub(super) async fn api(&self, settings: &ApiSettings) -> Api {
        self.api_with(settings, None).await
    }

    /// The API, with another patience.
    pub(super) async fn api_with(
        &self,
        settings: &ApiSettings,
        timeouts: Option<TimeoutConfig>,
    ) -> Api {
        let loader = connect::loader()
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .endpoint_url(&self.endpoint);
        let loader = match timeouts {
            Some(timeouts) => loader.timeout_config(timeouts),
            None => loader,
        };
        Api::new(settings, &loader.load().await)
    }

    pub(super) async fn calls(&self) -> Calls {
        let api = self.api(&ApiSettings::default()).await;
        api.calls(Priority::Serve)
    }

    /// What was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }

    /// The one thing that was asked.
    pub(super) fn asked_once(&self) -> Asked {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.into_iter().next().unwrap()
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.accepts.abort();
    }
}

async fn accept(listener: TcpListener, script: Arc<Script>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&script)));
    }
}

/// Answers the calls of one connection until it ends.
async fn serve(stream: TcpStream, script: Arc<Script>) {
    let mut stream = BufReader::new(stream);
    while let Some(asked) = read(&mut stream).await {
        script.asked.lock().unwrap().push(asked);
        let answer = script.answers.lock().unwrap().pop_front();
        match answer {
            Some(Answer::Says(status, body)) => {
                let head = format!(
                    "HTTP/1.1 {status} So\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(body.as_bytes()).await.unwrap();
            }
            Some(Answer::Silence) => std::future::pending().await,
            Some(Answer::Cut) | None => return,
        }
    }
}

/// The next call's form; `None` once the connection ended.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).unwrap();
    let parameters = body.split('&').filter_map(|pair| pair.split_once('='));
    let asked: Asked = parameters
        .filter(|(key, _)| *key != "Version")
        .map(|(key, value)| (decoded(key), decoded(value)))
        .collect();
    Some(asked)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let hex = String::from_utf8(rest.by_ref().take(2).collect()).unwrap();
            bytes.push(u8::from_str_radix(&hex, 16).unwrap());
        } else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
        }
    }
    String::from_utf8(bytes).unwrap()
}
