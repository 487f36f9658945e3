//! Who is a part of Roadstead to the API server, and did it need what the chart lets it do? Its service account, its rights, and
//! what the audit log says that it used of them.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use roadstead_testbed::{
    Audit, ControlPlane, Request,
    k8s_openapi::api::{
        authentication::v1::{TokenRequest, TokenRequestSpec},
        authorization::v1::SubjectAccessReview,
        core::v1::ServiceAccount,
    },
    kube::{
        Api, Client,
        api::{PatchParams, PostParams},
        core::DynamicObject,
    },
    poll_until,
};
use serde_json::{Value, json};

use super::{
    admission::apply,
    chart::{self, Part, Release, kind, name},
    grants::{self, Grant},
};

const WITHIN: Duration = Duration::from_secs(30);

/// What the chart gives a part of Roadstead.
pub(crate) struct Identity {
    pub(crate) namespace: String,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) args: Vec<String>,
    user: String,
    grants: Vec<Grant>,
}

// === impl Identity ===

impl Identity {
    /// Applies what the chart has to say about the rights of a part, and waits until they are in force.
    pub(crate) async fn arrive(
        control_plane: &ControlPlane,
        release: &Release,
        part: Part,
    ) -> Result<Self> {
        let client = control_plane.client().await?;
        let objects = release.objects().await?;
        let args = chart::args(&objects, part)?;
        let rights: Vec<DynamicObject> = objects
            .into_iter()
            .filter(|object| kind(object) == "ServiceAccount" || kind(object).contains("Role"))
            .filter(|object| is_of(object, part))
            .collect();
        for object in &rights {
            apply(&client, object, PatchParams::apply("helm")).await?;
        }
        let account = rights
            .iter()
            .find(|object| kind(object) == "ServiceAccount")
            .map(|object| name(object).0)
            .context("finding the ServiceAccount")?;
        let user = format!("system:serviceaccount:{}:{account}", release.namespace);
        let grants = grants::of(&rights)?;
        ensure!(!grants.is_empty(), "the chart grants nothing at all");
        for grant in &grants {
            in_force(&client, grant, &user).await?;
        }
        Ok(Self {
            kubeconfig: kubeconfig(control_plane, &client, release, account).await?,
            namespace: release.namespace.clone(),
            user,
            args,
            grants,
        })
    }

    /// What it has asked the API server for.
    pub(crate) fn requests(&self, control_plane: &ControlPlane) -> Result<Vec<Request>> {
        let log = control_plane.audit_log();
        let audit = Audit::read(log.context("reading the audit log of a given cluster")?)?;
        Ok(audit.requests_of(&self.user).cloned().collect())
    }

    /// Whether it used every right that it has, and needed no other, as it `acted`.
    pub(crate) fn check(&self, control_plane: &ControlPlane, acted: Result<()>) -> Result<()> {
        let requests = self.requests(control_plane)?;
        // What was refused explains why anything else went wrong.
        let denied: BTreeSet<String> = requests
            .iter()
            .filter(|request| request.code == 403 || request.decision == "forbid")
            .map(|request| {
                format!(
                    "{} {} in {:?}",
                    request.verb,
                    request.path(),
                    request.namespace
                )
            })
            .collect();
        ensure!(denied.is_empty(), "the chart grants too little: {denied:?}");
        acted?;
        let unused: Vec<String> = self
            .grants
            .iter()
            .filter(|grant| !requests.iter().any(|request| grant.covers(request)))
            .map(ToString::to_string)
            .collect();
        ensure!(
            unused.is_empty(),
            "the chart grants what nobody used: {unused:?}"
        );
        Ok(())
    }
}

fn is_of(object: &DynamicObject, part: Part) -> bool {
    let labels = object.metadata.labels.as_ref();
    let component = labels.and_then(|labels| labels.get("app.kubernetes.io/component"));
    component.is_some_and(|component| component == part.command().1)
}

async fn in_force(client: &Client, grant: &Grant, user: &str) -> Result<()> {
    let reviews = Api::<SubjectAccessReview>::all(client.clone());
    let review = grant.review(user);
    poll_until(&format!("the right to {grant}"), WITHIN, async || {
        let answer = reviews.create(&PostParams::default(), &review).await.ok()?;
        answer.status.filter(|status| status.allowed)
    })
    .await
    .map(drop)
}

/// A kubeconfig with a token of the account, as its pod would get one.
async fn kubeconfig(
    control_plane: &ControlPlane,
    client: &Client,
    release: &Release,
    account: &str,
) -> Result<PathBuf> {
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), &release.namespace);
    let wanted = TokenRequest {
        spec: TokenRequestSpec::default(),
        ..TokenRequest::default()
    };
    let token = accounts
        .create_token_request(account, &PostParams::default(), &wanted)
        .await
        .context("asking for a token")?;
    let token = token.status.context("reading the token")?.token;
    let admin = std::fs::read_to_string(control_plane.kubeconfig())?;
    let mut config: Value = serde_yaml::from_str(&admin)?;
    for user in config["users"].as_array_mut().into_iter().flatten() {
        user["user"] = json!({ "token": token });
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("kubeconfig-{}-{account}", release.namespace));
    std::fs::write(&path, serde_yaml::to_string(&config)?)?;
    Ok(path)
}
