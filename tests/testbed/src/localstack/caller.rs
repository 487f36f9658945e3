//! How does a script make many calls? One after another on a connection that is kept, as AWS's SDKs do, without their work of
//! signing and reading.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;

use super::Account;
use crate::http::DONE_WITHIN;

/// Makes calls in an account; its connections are kept.
#[derive(Clone, Debug)]
pub struct Caller {
    account: Account,
    client: Client<HttpConnector, Full<Bytes>>,
}

// === impl Caller ===

impl Caller {
    pub(super) fn new(account: Account) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            account,
            client: Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    /// As [`Account::call`].
    ///
    /// # Errors
    /// It is refused; the error shows the answer.
    pub async fn call(
        &self,
        service: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String> {
        let what = || format!("asking for {action}");
        let request = Request::post(format!("http://{}/", self.account.address()))
            .header(header::AUTHORIZATION, self.account.signed(service))
            .header(
                header::CONTENT_TYPE,
                "application/x-www-form-urlencoded; charset=utf-8",
            )
            .body(Full::from(form(service, action, parameters)))
            .with_context(what)?;
        match timeout(DONE_WITHIN, self.answer(request)).await {
            Ok(answer) => match answer.with_context(what)? {
                (StatusCode::OK, body) => Ok(body),
                (status, body) => bail!("{action} was answered with {}: {body}", status.as_u16()),
            },
            Err(_elapsed) => bail!("{}: no answer within {DONE_WITHIN:?}", what()),
        }
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, String)> {
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// The body of a request of the query API.
fn form(service: &str, action: &str, parameters: &[(&str, &str)]) -> String {
    let version = if service == "ec2" {
        "2016-11-15"
    } else {
        "2015-12-01"
    };
    let named = [("Action", action), ("Version", version)];
    let form: Vec<String> = named
        .iter()
        .chain(parameters)
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    form.join("&")
}

/// Percent-encoding of everything but RFC 3986's unreserved characters.
fn escaped(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
