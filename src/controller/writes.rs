//! How does anything get written to the API server? Few at a time, with a deadline, and only while this process leads.
//! Decides nothing.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use k8s_openapi::api::core::v1::{Pod, PodStatus, Service, ServiceStatus};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, ObjectMeta, PartialObjectMeta, Patch, PatchParams, PostParams},
};
use roadstead_core::NamespacedName;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use crate::{
    leader::Leadership,
    service::{conditions::Kind, gates::GatedPod},
};

/// The field manager of everything that this process applies.
pub const FIELD_MANAGER: &str = "roadstead";

/// The field manager of the conditions of pods, apart from everything else: nobody's apply of the one takes the other away.
pub const GATE_MANAGER: &str = "roadstead-target-health";

/// The field manager of what announcers say on Services: one for all of them, so that the next one can take back what the last
/// one said.
pub const ANNOUNCER: &str = "roadstead-announcer";

/// How many writes are under way at once: enough to keep an API server busy, and few enough connections to be kind.
const PARALLEL: usize = 32;

/// The same for events, which nobody waits for.
pub(super) const PARALLEL_EVENTS: usize = 4;

/// How many Services are listed at a time.
const PAGE: u32 = 500;

/// So many writes may wait before nothing new is begun.
const CROWD: usize = 8 * PARALLEL;

/// How long a write may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The way to the API server.
pub struct Writes {
    client: Client,
    leadership: Leadership,
    permits: Semaphore,
    event_permits: Semaphore,
    /// How many writes wait for a permit, and a sign whenever one has got it.
    waiting: AtomicUsize,
    moved: Notify,
}

/// A write that did not happen, or whose answer did not come.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This process may not act any more.
    #[error("{what}: this process does not lead")]
    NotLeading {
        /// What was being done to which object.
        what: String,
    },
    /// The object changed since it was read; the watch brings the change.
    #[error("{what}: it changed meanwhile")]
    Stale {
        /// What was being done to which object.
        what: String,
    },
    /// The object is gone.
    #[error("{what}: it is gone")]
    Gone {
        /// What was being done to which object.
        what: String,
    },
    /// The API server refused or could not be reached.
    #[error("{what}")]
    Refused {
        /// What was being done to which object.
        what: String,
        /// Its answer.
        #[source]
        source: kube::Error,
    },
    /// No answer in time.
    #[error("{what}: no answer from the API server within {TIMEOUT:?}")]
    Timeout {
        /// What was being done to which object.
        what: String,
    },
}

/// `Result` with this module's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

// === impl Error ===

impl Error {
    /// True if the API server took the request and said no: it will say so again.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused {
                source: kube::Error::Api(status),
                ..
            } => (400..500).contains(&status.code),
            Self::Refused { .. }
            | Self::NotLeading { .. }
            | Self::Stale { .. }
            | Self::Gone { .. }
            | Self::Timeout { .. } => false,
        }
    }
}

// === impl Writes ===

impl fmt::Debug for Writes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writes")
            .field("leadership", &self.leadership)
            .finish_non_exhaustive()
    }
}

impl Writes {
    /// Writes through `client` while `leadership` lasts.
    #[must_use]
    pub fn new(client: Client, leadership: Leadership) -> Self {
        Self {
            client,
            leadership,
            permits: Semaphore::new(PARALLEL),
            event_permits: Semaphore::new(PARALLEL_EVENTS),
            waiting: AtomicUsize::new(0),
            moved: Notify::new(),
        }
    }

    /// Waits while many writes wait: who comes now would only wait with them, and take memory for it.
    pub async fn breathe(&self) {
        while self.waiting.load(Ordering::Relaxed) > CROWD {
            self.moved.notified().await;
        }
    }

    /// Applies our part of the status of `service`, and returns the object as it is then.
    pub async fn status(&self, service: &Service, status: ServiceStatus) -> Result<Service> {
        self.status_as(FIELD_MANAGER, service, status).await
    }

    /// [`Self::status`] of another part of us.
    pub async fn status_as(
        &self,
        manager: &str,
        service: &Service,
        status: ServiceStatus,
    ) -> Result<Service> {
        let patch = Service {
            metadata: ObjectMeta {
                name: service.metadata.name.clone(),
                namespace: service.metadata.namespace.clone(),
                // A Service of the same name that was created meanwhile is another one.
                uid: service.metadata.uid.clone(),
                ..ObjectMeta::default()
            },
            spec: None,
            status: Some(status),
        };
        let what = || format!("writing the status of {}", name(service));
        let params = PatchParams::apply(manager).force();
        let (api, key) = (self.services(service), service.name_any());
        let patch = Patch::Apply(&patch);
        self.call(&self.permits, what, api.patch_status(&key, &params, &patch))
            .await
    }

    /// Removes a condition of `service`, whoever wrote it, and returns the object as it is then.
    pub async fn remove_condition(&self, service: &Service, kind: Kind) -> Result<Service> {
        let patch = json!({
            "metadata": { "uid": service.metadata.uid },
            "status": { "conditions": [{ "type": kind.type_(), "$patch": "delete" }] },
        });
        let what = || {
            format!(
                "removing the condition {} of {}",
                kind.type_(),
                name(service)
            )
        };
        let (api, key, params) = (
            self.services(service),
            service.name_any(),
            PatchParams::default(),
        );
        let patch: Patch<&serde_json::Value> = Patch::Strategic(&patch);
        self.call(&self.permits, what, api.patch_status(&key, &params, &patch))
            .await
    }

    /// Applies the condition of a pod's readiness gate, and returns the pod as it is then.
    pub async fn gate(
        &self,
        name: &NamespacedName,
        pod: &GatedPod,
        status: PodStatus,
    ) -> Result<Pod> {
        let patch = Pod {
            metadata: ObjectMeta {
                name: Some(name.name.to_string()),
                namespace: Some(name.namespace.to_string()),
                uid: Some(pod.uid.clone()),
                ..ObjectMeta::default()
            },
            spec: None,
            status: Some(status),
        };
        let api = Api::<Pod>::namespaced(self.client.clone(), &name.namespace);
        let what = || format!("writing the readiness gate of pod {name}");
        let params = PatchParams::apply(GATE_MANAGER).force();
        let patch = Patch::Apply(&patch);
        let call = api.patch_status(&name.name, &params, &patch);
        self.call(&self.permits, what, call).await
    }

    /// Sets the finalizers of `service` if nobody changed it since it was read.
    pub async fn finalizers(&self, service: &Service, finalizers: &[String]) -> Result<Service> {
        let patch = json!({
            "metadata": { "resourceVersion": service.metadata.resource_version, "finalizers": finalizers }
        });
        let what = || format!("setting the finalizers of {}", name(service));
        let (api, key, params) = (
            self.services(service),
            service.name_any(),
            PatchParams::default(),
        );
        let patch: Patch<&serde_json::Value> = Patch::Merge(&patch);
        self.call(&self.permits, what, api.patch(&key, &params, &patch))
            .await
    }

    /// Writes an event.
    pub async fn event(&self, event: &k8s_openapi::api::events::v1::Event) -> Result<()> {
        let namespace = event.metadata.namespace.as_deref().unwrap_or("default");
        let api = Api::namespaced(self.client.clone(), namespace);
        let what = || format!("writing an event in {namespace}");
        let params = PostParams::default();
        let _: k8s_openapi::api::events::v1::Event = self
            .call(&self.event_permits, what, api.create(&params, event))
            .await?;
        Ok(())
    }

    /// The metadata of the Services of `namespace`, or of all, as the API server has it now; only those that `fields`
    /// selects. Reads only.
    pub async fn services_now(
        &self,
        namespace: Option<&str>,
        fields: &str,
    ) -> Result<Vec<PartialObjectMeta<Service>>> {
        let api = match namespace {
            Some(namespace) => Api::<Service>::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let mut params = ListParams::default().fields(fields).limit(PAGE);
        let mut services = Vec::new();
        loop {
            let what = || "listing services".to_owned();
            let mut page = self
                .call(&self.permits, what, api.list_metadata(&params))
                .await?;
            services.extend(page.items.drain(..).map(|mut service| {
                service.metadata.managed_fields = None;
                service.metadata.annotations = None;
                service
            }));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(services),
            }
        }
    }

    fn services(&self, service: &Service) -> Api<Service> {
        let namespace = service.metadata.namespace.as_deref().unwrap_or("default");
        Api::namespaced(self.client.clone(), namespace)
    }

    async fn call<T>(
        &self,
        permits: &Semaphore,
        what: impl Fn() -> String,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let permit = permits.acquire().await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.moved.notify_one();
        // After the wait for a permit: much may have happened during it.
        if !self.leadership.is_current() {
            return Err(Error::NotLeading { what: what() });
        }
        let result = tokio::time::timeout(TIMEOUT, call).await;
        drop(permit);
        match result {
            Ok(Ok(written)) => Ok(written),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
                Err(Error::Stale { what: what() })
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
                Err(Error::Gone { what: what() })
            }
            Ok(Err(source)) => Err(Error::Refused {
                what: what(),
                source,
            }),
            Err(_elapsed) => Err(Error::Timeout { what: what() }),
        }
    }
}

fn name(service: &Service) -> NamespacedName {
    crate::service::request::name_of(service)
}
