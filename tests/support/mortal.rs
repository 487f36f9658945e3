//! A provider and the API server, as a controller sees them that may die while it talks to them.

use std::{
    io,
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use futures::future::BoxFuture;
use http::{Method, Request, Response};
use kube::client::Body;
use roadstead_core::{
    Ensured, LoadBalancer, LoadBalancerId, LoadBalancerProvider, NamespacedName, Owned, Plan,
    ProviderName, Published, Released, Result, TargetKind, Vocabulary,
};
use tower::{Layer, Service};

use super::Fate;

/// A provider, as a process sees it that may die.
#[derive(Debug)]
pub(super) struct Mortal {
    pub(super) inner: Arc<dyn LoadBalancerProvider>,
    pub(super) fate: Arc<Fate>,
}

/// Makes an API client that of a mortal.
#[derive(Clone)]
pub(super) struct MortalLayer(pub(super) Arc<Fate>);

#[derive(Clone)]
pub(super) struct MortalClient<S> {
    inner: S,
    fate: Arc<Fate>,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl LoadBalancerProvider for Mortal {
    fn name(&self) -> ProviderName {
        self.inner.name()
    }

    fn vocabulary(&self) -> Vocabulary {
        self.inner.vocabulary()
    }

    fn outlives_service(&self) -> bool {
        self.inner.outlives_service()
    }

    fn needs_provider_ids(&self) -> bool {
        self.inner.needs_provider_ids()
    }

    fn reports_health(&self) -> bool {
        self.inner.reports_health()
    }

    fn target_kind(&self, want: &LoadBalancer) -> TargetKind {
        self.inner.target_kind(want)
    }

    fn chooses_by_label(&self, want: &LoadBalancer) -> bool {
        self.inner.chooses_by_label(want)
    }

    fn reads_labels(&self) -> bool {
        self.inner.reads_labels()
    }

    async fn woken(&self) -> Vec<NamespacedName> {
        self.inner.woken().await
    }

    async fn plan(&self, want: &LoadBalancer) -> Result<Plan> {
        self.fate.live("plan", self.inner.plan(want)).await
    }

    async fn ensure(&self, want: &LoadBalancer) -> Result<Ensured> {
        self.fate.live("ensure", self.inner.ensure(want)).await
    }

    async fn release(&self, id: &LoadBalancerId) -> Result<Released> {
        self.fate.live("release", self.inner.release(id)).await
    }

    async fn owned(&self) -> Result<Vec<Owned>> {
        self.fate.live("owned", self.inner.owned()).await
    }

    async fn restore(&self, published: &[Published]) -> Result<()> {
        self.fate
            .live("restore", self.inner.restore(published))
            .await
    }
}

// === impl MortalLayer, MortalClient ===

impl<S> Layer<S> for MortalLayer {
    type Service = MortalClient<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MortalClient {
            inner,
            fate: Arc::clone(&self.0),
        }
    }
}

impl<S, B> Service<Request<Body>> for MortalClient<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: From<io::Error> + Send + 'static,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let reads = request.method() == Method::GET;
        let what = format!("{} {}", request.method(), resource(request.uri().path()));
        let fate = Arc::clone(&self.fate);
        // Nothing is sent before it is polled.
        let call = self.inner.call(request);
        Box::pin(async move {
            if reads {
                return call.await;
            }
            let lost = || io::Error::from(io::ErrorKind::ConnectionReset);
            if !fate.survive(&format!("before {what}")).await {
                return Err(lost().into());
            }
            let result = call.await;
            if !fate.survive(&format!("after {what}")).await {
                return Err(lost().into());
            }
            result
        })
    }
}

/// `services/status` of `/api/v1/namespaces/NAMESPACE/services/NAME/status`.
fn resource(path: &str) -> String {
    let mut parts = path
        .split('/')
        .skip_while(|part| *part != "namespaces")
        .skip(2);
    let resource = parts.next().unwrap_or(path);
    match parts.nth(1) {
        Some(subresource) => format!("{resource}/{subresource}"),
        None => resource.to_owned(),
    }
}
