//! How is the Kubernetes API reached? One client, every request counted. Knows no resource by heart.

use std::{path::PathBuf, sync::Arc, time::Duration};

use http::{Request, Response};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder},
    config::{KubeConfigOptions, Kubeconfig},
};
use roadstead_core::ClusterUid;
use tower::{Layer, Service};

use crate::metrics::Metrics;

/// Which cluster to talk to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// A kubeconfig; else `KUBECONFIG`, `~/.kube/config`, or the pod's own account.
    pub kubeconfig: Option<PathBuf>,
    /// A context of it other than the current one.
    pub context: Option<String>,
}

/// The cluster cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig cannot be read.
    #[error("reading the kubeconfig {0}")]
    Kubeconfig(PathBuf, #[source] kube::config::KubeconfigError),
    /// It lacks the context, or something the context names.
    #[error("using the kubeconfig's context")]
    Context(#[source] kube::config::KubeconfigError),
    /// There is no kubeconfig and this is no pod.
    #[error(
        "finding a cluster: no kubeconfig (--kubeconfig, KUBECONFIG or ~/.kube/config), and this is no pod"
    )]
    Infer(#[source] kube::config::InferConfigError),
    /// The configuration cannot be used.
    #[error("making a client from the kubeconfig")]
    Client(#[source] kube::Error),
    /// The cluster's identity cannot be read.
    #[error("reading the uid of the namespace kube-system")]
    Identity(#[source] kube::Error),
    /// The cluster's identity is unusable.
    #[error("the namespace kube-system has no usable uid")]
    NoIdentity,
    /// The API server takes too long.
    #[error("the API server did not answer within {0:?}")]
    Timeout(Duration),
}

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may be silent: twice as long as a watch is, in which the API server sends a bookmark every minute. An API
/// server that went away without a word is noticed within this time.
const READ_TIMEOUT: Duration = Duration::from_mins(2);

/// How long reading the cluster's identity may take.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(10);

/// The configuration for `connection`.
pub async fn config(connection: &Connection) -> Result<Config, Error> {
    let options = KubeConfigOptions {
        context: connection.context.clone(),
        ..KubeConfigOptions::default()
    };
    let mut config = match &connection.kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path)
                .map_err(|error| Error::Kubeconfig(path.clone(), error))?;
            Config::from_custom_kubeconfig(file, &options)
                .await
                .map_err(Error::Context)?
        }
        None if connection.context.is_some() => Config::from_kubeconfig(&options)
            .await
            .map_err(Error::Context)?,
        None => Config::infer().await.map_err(Error::Infer)?,
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    Ok(config)
}

/// A client whose every request is counted in `metrics`.
pub fn client(config: Config, metrics: &Arc<Metrics>) -> Result<Client, Error> {
    let layer = CountLayer(Arc::clone(metrics));
    let builder = ClientBuilder::try_from(config).map_err(Error::Client)?;
    Ok(builder.with_layer(&layer).build())
}

/// Which cluster this is: the uid of its namespace `kube-system`.
pub async fn cluster_uid(client: &Client) -> Result<ClusterUid, Error> {
    let namespaces: kube::Api<k8s_openapi::api::core::v1::Namespace> =
        kube::Api::all(client.clone());
    let namespace = tokio::time::timeout(IDENTITY_TIMEOUT, namespaces.get("kube-system"))
        .await
        .map_err(|_| Error::Timeout(IDENTITY_TIMEOUT))?
        .map_err(Error::Identity)?;
    let uid = namespace.metadata.uid.as_deref();
    uid.and_then(|uid| ClusterUid::parse(uid).ok())
        .ok_or(Error::NoIdentity)
}

#[derive(Clone)]
struct CountLayer(Arc<Metrics>);

#[derive(Clone)]
struct Count<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

// === impl CountLayer, Count ===

impl<S> Layer<S> for CountLayer {
    type Service = Count<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Count {
            inner,
            metrics: Arc::clone(&self.0),
        }
    }
}

impl<S, B> Service<Request<Body>> for Count<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = futures::future::BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (verb, resource) = describe(request.method(), request.uri());
        let metrics = Arc::clone(&self.metrics);
        let call = self.inner.call(request);
        Box::pin(async move {
            let mut tally = Tally {
                metrics,
                verb,
                resource,
                code: 0,
            };
            let result = call.await;
            tally.code = result
                .as_ref()
                .map_or(0, |response| response.status().as_u16());
            result
        })
    }
}

/// Counts a request when it ends, also when nobody waits for its answer any more.
struct Tally {
    metrics: Arc<Metrics>,
    verb: &'static str,
    resource: String,
    /// 0 while there is no answer.
    code: u16,
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.metrics
            .api_request(self.verb, std::mem::take(&mut self.resource), self.code);
    }
}

/// The verb and resource of a request, as RBAC names them: `patch`, `services/status`.
fn describe(method: &http::Method, uri: &http::Uri) -> (&'static str, String) {
    let parts: Vec<&str> = uri
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let (["api", _, rest @ ..] | ["apis", _, _, rest @ ..]) = parts.as_slice() else {
        return ("get", "other".to_owned());
    };
    let (resource, name, sub) = match rest {
        ["namespaces", _, resource, rest @ ..] | [resource, rest @ ..] => {
            (*resource, rest.first(), rest.get(1))
        }
        [] => return ("get", "other".to_owned()),
    };
    let watches = uri
        .query()
        .is_some_and(|query| query.contains("watch=true"));
    let verb = match (method.as_str(), name) {
        ("GET", _) if watches => "watch",
        ("GET", None) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", _) => "delete",
        _ => "get",
    };
    let resource = sub.map_or_else(|| resource.to_owned(), |sub| format!("{resource}/{sub}"));
    (verb, resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_described_as_rbac_names_them() {
        let table = [
            ("GET", "/api/v1/services?limit=500", "list services"),
            (
                "GET",
                "/api/v1/nodes?watch=true&resourceVersion=1",
                "watch nodes",
            ),
            (
                "PATCH",
                "/api/v1/namespaces/a/services/b/status?force=true",
                "patch services/status",
            ),
            ("PATCH", "/api/v1/namespaces/a/services/b", "patch services"),
            (
                "POST",
                "/apis/events.k8s.io/v1/namespaces/a/events",
                "create events",
            ),
            (
                "PUT",
                "/apis/coordination.k8s.io/v1/namespaces/a/leases/b",
                "update leases",
            ),
            ("GET", "/api/v1/namespaces/kube-system", "get namespaces"),
            ("GET", "/version", "get other"),
        ];
        for (method, uri, expected) in table {
            let (verb, resource) = describe(&method.parse().unwrap(), &uri.parse().unwrap());
            assert_eq!(format!("{verb} {resource}"), expected, "{method} {uri}");
        }
    }
}
