//! What does the real endpoint answer?
//!
//! A client with kept connections. It passes on what it is given and looks at none of it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{
    HeaderMap, Request, Uri, header,
    request::Parts,
    uri::{Authority, PathAndQuery, Scheme},
};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;

use super::answers::Reply;

/// `LocalStack` starts a service when it is first asked, which takes it a while.
const ANSWERS_WITHIN: Duration = Duration::from_mins(2);

#[derive(Clone, Debug)]
pub(super) struct Upstream {
    authority: Authority,
    client: Client<HttpConnector, Full<Bytes>>,
}

// === impl Upstream ===

impl Upstream {
    pub(super) fn new(endpoint: &str) -> Result<Self> {
        let reading = || format!("reading the endpoint {endpoint}");
        let uri: Uri = endpoint.parse().with_context(reading)?;
        let authority = uri.into_parts().authority.context("it has no host");
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self {
            authority: authority.with_context(reading)?,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// # Errors
    /// There was no answer, or only a part of one.
    pub(super) async fn ask(&self, head: Parts, body: Bytes) -> Result<Reply> {
        let what = || format!("asking {}", self.authority);
        let exchange = timeout(ANSWERS_WITHIN, self.exchange(head, body)).await;
        exchange
            .with_context(|| format!("{}: no answer within {ANSWERS_WITHIN:?}", what()))?
            .with_context(what)
    }

    async fn exchange(&self, head: Parts, body: Bytes) -> Result<Reply> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = head.method;
        *request.uri_mut() = self.place(head.uri.path_and_query())?;
        *request.headers_mut() = head.headers;
        hop(request.headers_mut());
        // The client writes its own; and what is compressed could not be read.
        request.headers_mut().remove(header::HOST);
        request.headers_mut().remove(header::ACCEPT_ENCODING);
        let (mut head, body) = self.client.request(request).await?.into_parts();
        hop(&mut head.headers);
        let body = body.collect().await?.to_bytes();
        Ok(Reply::from_parts(head, body))
    }

    fn place(&self, path: Option<&PathAndQuery>) -> Result<Uri> {
        let path = path.cloned();
        let uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        Ok(uri.build()?)
    }
}

/// Removes what is about one connection or one way to write a body, and not about the message. RFC 9110 section 7.6.1.
fn hop(headers: &mut HeaderMap) {
    let about_the_connection = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::EXPECT,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    for name in about_the_connection {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}
