//! Does this node forward? kube-proxy says so at its health endpoint; where there is none, nothing speaks against it.

use std::{fmt, str::FromStr, time::Duration};

use http::Uri;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

/// Where kube-proxy says whether it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardingCheck {
    /// There: a URL with http.
    At(Uri),
    /// Nowhere: every node forwards.
    Off,
}

/// One look at the health endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// It is well.
    Well,
    /// It answers that it is not.
    Ill(u16),
    /// Nobody answers.
    Silent(String),
}

/// What the looks so far amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    seen: bool,
    unfit: Option<String>,
    well: u32,
    ill: u32,
    silent: u32,
}

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// So many answers that it is not well, one after another, before it is believed: kube-proxy says so only after its rules
/// have been behind for a minute, or when its node is about to go, so there is no reason to wait long.
const ILL: u32 = 3;

/// So many looks without any answer before a kube-proxy that was there is taken to be gone. The rules of one that restarts
/// stay in force meanwhile, so there is reason to be patient.
const SILENT: u32 = 30;

/// So many good answers before a node forwards again.
const WELL: u32 = 2;

// === impl ForwardingCheck ===

impl FromStr for ForwardingCheck {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self::Off);
        }
        let wrong = || {
            format!(
                "{text:?} is no URL of kube-proxy's health endpoint; write http://HOST:PORT/PATH, or none"
            )
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        if uri.scheme_str() == Some("http") && uri.authority().is_some() {
            Ok(Self::At(uri))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for ForwardingCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(uri) => fmt::Display::fmt(uri, f),
            Self::Off => f.write_str("none"),
        }
    }
}

// === impl Forwarding ===

impl Forwarding {
    /// Takes in a look.
    pub fn take(&mut self, look: Look) {
        match look {
            Look::Well => {
                (self.seen, self.ill, self.silent) = (true, 0, 0);
                self.well = self.well.saturating_add(1);
                if self.well >= WELL {
                    self.unfit = None;
                }
            }
            Look::Ill(code) => {
                (self.seen, self.well, self.silent) = (true, 0, 0);
                self.ill = self.ill.saturating_add(1);
                if self.ill >= ILL {
                    self.unfit = Some(format!("it answers {code}"));
                }
            }
            Look::Silent(error) => {
                (self.well, self.ill) = (0, 0);
                self.silent = self.silent.saturating_add(1);
                if self.seen && self.silent >= SILENT {
                    self.unfit = Some(error);
                }
            }
        }
    }

    /// Why this node does not forward; `None` if it does.
    #[must_use]
    pub fn unfit(&self) -> Option<&str> {
        self.unfit.as_deref()
    }
}

/// Looks for ever, and tells whenever the node begins or ceases to forward: `None` if it does, else why not.
pub async fn follow(check: ForwardingCheck, tell: watch::Sender<Option<String>>) {
    let ForwardingCheck::At(uri) = check else {
        // Nobody ever speaks against it.
        tell.closed().await;
        return std::future::pending().await;
    };
    let mut forwarding = Forwarding::default();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let look = match tokio::time::timeout(TIMEOUT, look(&uri)).await {
            Ok(Ok(200)) => Look::Well,
            Ok(Ok(code)) => Look::Ill(code),
            Ok(Err(error)) => Look::Silent(error.to_string()),
            Err(_elapsed) => Look::Silent(format!("no answer within {TIMEOUT:?}")),
        };
        forwarding.take(look);
        tell.send_if_modified(|before| {
            let news = before.is_some() != forwarding.unfit().is_some();
            if news {
                if let Some(why) = forwarding.unfit() {
                    tracing::warn!(check = %uri, why, "this node does not forward: its addresses are handed over");
                } else {
                    tracing::info!(check = %uri, "this node forwards again");
                }
                *before = forwarding.unfit().map(|why| {
                    format!(
                        "kube-proxy's health endpoint {uri}: {why}; if there is to be no kube-proxy, say --forwarding-check none"
                    )
                });
            }
            news
        });
    }
}

/// The status code of a GET.
async fn look(uri: &Uri) -> std::io::Result<u16> {
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(80);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    // HTTP/1.1 200
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    let code = std::str::from_utf8(&start)
        .ok()
        .filter(|line| line.starts_with("HTTP/1."))
        .and_then(|line| line.get(9..)?.parse().ok());
    code.ok_or_else(|| std::io::Error::other("no answer of HTTP"))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Whether the node forwards after these looks: w(ell), i(ll), s(ilent), each with how often.
    fn fit_after(looks: &[(char, usize)]) -> bool {
        let mut forwarding = Forwarding::default();
        for (kind, times) in looks {
            for _ in 0..*times {
                forwarding.take(match kind {
                    'w' => Look::Well,
                    'i' => Look::Ill(503),
                    _ => Look::Silent("connection refused".to_owned()),
                });
            }
        }
        forwarding.unfit().is_none()
    }

    #[test]
    fn a_node_forwards_unless_kube_proxy_was_there_and_is_ill_or_gone() {
        let table: [(&[(char, usize)], bool); 10] = [
            (&[], true),
            // Never seen: there is none.
            (&[('s', 1000)], true),
            (&[('w', 1), ('i', 2), ('w', 1), ('i', 2)], true),
            (&[('i', 3)], false),
            (&[('s', 100), ('i', 3)], false),
            // A restart, and one that never comes back.
            (&[('w', 1), ('s', 29), ('w', 1), ('s', 29)], true),
            (&[('w', 1), ('s', 30)], false),
            // It comes back for good, not for a moment.
            (&[('i', 3), ('w', 1)], false),
            (&[('i', 3), ('w', 2)], true),
            (&[('i', 3), ('w', 1), ('s', 1), ('w', 1)], false),
        ];
        for (looks, fit) in table {
            assert_eq!(fit_after(looks), fit, "{looks:?}");
        }
    }

    #[test]
    fn a_check_is_a_url_or_none() {
        for (text, whole) in [
            ("http://127.0.0.1:10256/healthz", true),
            ("http://[::1]:10256/healthz", true),
            ("none", true),
        ] {
            assert_eq!(text.parse::<ForwardingCheck>().is_ok(), whole, "{text}");
            assert_eq!(text.parse::<ForwardingCheck>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "127.0.0.1:10256",
            "https://127.0.0.1:10256/healthz",
            "/healthz",
        ] {
            let error = text.parse::<ForwardingCheck>().unwrap_err();
            assert!(error.contains("http://HOST:PORT/PATH"), "{text}: {error}");
        }
    }

    #[tokio::test]
    async fn the_status_code_is_read_off_an_answer_and_nothing_else_is_one() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri: Uri = format!("http://{}/healthz?verbose", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        for (answer, code) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some(200)),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n{}", Some(503)),
            ("SSH-2.0-OpenSSH_9.6\r\n", None),
            ("", None),
        ] {
            let serve = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 512];
                let length = stream.read(&mut request).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
                String::from_utf8_lossy(&request[..length]).into_owned()
            };
            let (looked, request) = tokio::join!(look(&uri), serve);
            assert_eq!(looked.ok(), code, "{answer:?}");
            assert!(
                request.starts_with("GET /healthz?verbose HTTP/1.0\r\n"),
                "{request}"
            );
        }
    }
}
