//! The proxy between a client and an upstream, over real sockets.
#![allow(clippy::unwrap_used, reason = "a helper of tests may end the test")]

use std::{
    convert::Infallible,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};

use tokio::task::JoinSet;

use super::*;

mod forwarding;
mod holding;
mod refusing;

/// An AWS that answers `<Done>` and what it was asked, and remembers that.
struct Aws {
    endpoint: String,
    seen: Arc<Seen>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    bodies: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

/// A program that calls AWS.
#[derive(Clone)]
struct Caller {
    endpoint: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

type Reply = Result<(StatusCode, String), hyper_util::client::legacy::Error>;

const ELB: &str = "elasticloadbalancing";

impl Aws {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let accepting = tokio::spawn(Self::accept(listener, Arc::clone(&seen)));
        Self {
            endpoint,
            seen,
            accepting,
        }
    }

    async fn accept(listener: TcpListener, seen: Arc<Seen>) {
        let mut connections = JoinSet::new();
        while let Ok((connection, _)) = listener.accept().await {
            seen.connections.fetch_add(1, Ordering::Relaxed);
            let seen = Arc::clone(&seen);
            let service = service_fn(move |request| Self::answer(request, Arc::clone(&seen)));
            let connection = TokioIo::new(connection);
            connections.spawn(http1::Builder::new().serve_connection(connection, service));
        }
    }

    async fn answer(
        request: Request<Incoming>,
        seen: Arc<Seen>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        lock(&seen.bodies).push(body.clone());
        let mut reply = Response::new(Full::from(format!("<Done>{body}</Done>")));
        if body.contains("Name=taken") {
            *reply.status_mut() = StatusCode::BAD_REQUEST;
            *reply.body_mut() = Full::from("<Error><Code>DuplicateListener</Code></Error>");
        }
        Ok(reply)
    }

    fn bodies(&self) -> Vec<String> {
        lock(&self.seen.bodies).clone()
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Caller {
    fn new(proxy: &FaultProxy) -> Self {
        Self {
            endpoint: proxy.endpoint().to_owned(),
            client: Client::builder(TokioExecutor::new())
                .retry_canceled_requests(false)
                .build_http(),
        }
    }

    async fn call(&self, signed_as: &str, body: &str) -> Reply {
        let credential = format!("Credential=KEY/20260101/us-east-1/{signed_as}/aws4_request");
        let authorization =
            format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0");
        let request = Request::post(&self.endpoint)
            .header(header::AUTHORIZATION, authorization)
            .body(Full::from(body.to_owned()))
            .unwrap();
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Ok((head.status, String::from_utf8(body.to_vec()).unwrap()))
    }

    async fn elb(&self, body: &str) -> Reply {
        self.call(ELB, body).await
    }

    async fn ec2(&self, body: &str) -> Reply {
        self.call("ec2", body).await
    }

    /// Begins a call that may not be answered for long.
    fn begin(&self, body: &'static str) -> JoinHandle<Reply> {
        let caller = self.clone();
        tokio::spawn(async move { caller.elb(body).await })
    }
}

async fn bed() -> (Aws, FaultProxy, Caller) {
    let aws = Aws::start().await;
    let proxy = FaultProxy::start(&aws.endpoint).await.unwrap();
    let caller = Caller::new(&proxy);
    (aws, proxy, caller)
}

fn ok(body: &str) -> (StatusCode, String) {
    (StatusCode::OK, format!("<Done>{body}</Done>"))
}
