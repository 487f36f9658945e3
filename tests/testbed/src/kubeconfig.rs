//! Which file tells a client where the API server is, and as whom to speak?
//!
//! Reads kubeconfigs and writes changed copies. Nothing is sent, and no original is changed.

use std::{fs, net::SocketAddr, path::Path};

use anyhow::{Context as _, Result, anyhow};
use http::Uri;
use kube::{
    Client, Config,
    config::{Cluster, KubeConfigOptions, Kubeconfig},
};

/// Makes a client, bound to the runtime of the caller.
///
/// # Errors
/// The file cannot be read or names nothing to connect to. Nothing is sent yet.
pub async fn client(kubeconfig: &Path) -> Result<Client> {
    let what = || format!("making a client from {}", kubeconfig.display());
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(read(kubeconfig)?, &options).await;
    Client::try_from(config.with_context(what)?).with_context(what)
}

/// The URL of the API server that a kubeconfig's current context names.
pub(crate) fn server(kubeconfig: &Path) -> Result<String> {
    let mut config = read(kubeconfig)?;
    let current = config.current_context.take();
    let context = config
        .contexts
        .into_iter()
        .find(|named| Some(&named.name) == current.as_ref());
    let cluster = context
        .and_then(|named| named.context)
        .map(|context| context.cluster);
    let cluster = config
        .clusters
        .into_iter()
        .find(|named| Some(&named.name) == cluster.as_ref());
    let server = cluster
        .and_then(|named| named.cluster)
        .and_then(|cluster| cluster.server);
    server.ok_or_else(|| {
        anyhow!(
            "reading {}: its current context names no server",
            kubeconfig.display()
        )
    })
}

/// Writes to `to` a copy that acts as another user: `nobody` without any group, all others as administrators.
pub(crate) fn impersonating(original: &Path, user: &str, to: &Path) -> Result<()> {
    let mut config = read(original)?;
    for auth in config
        .auth_infos
        .iter_mut()
        .filter_map(|named| named.auth_info.as_mut())
    {
        auth.impersonate = Some(user.to_owned());
        auth.impersonate_groups = (user != "nobody").then(|| vec!["system:masters".to_owned()]);
    }
    write(&config, to)
}

/// Writes to `to` a copy that connects to `address`, and still checks that the server is the one of the original.
pub(crate) fn through(original: &Path, address: SocketAddr, to: &Path) -> Result<()> {
    let mut config = read(original)?;
    for cluster in config
        .clusters
        .iter_mut()
        .filter_map(|named| named.cluster.as_mut())
    {
        redirect(cluster, address)
            .with_context(|| format!("redirecting {} to {address}", original.display()))?;
    }
    write(&config, to)
}

fn redirect(cluster: &mut Cluster, address: SocketAddr) -> Result<()> {
    let server: Uri = cluster
        .server
        .as_deref()
        .unwrap_or_default()
        .parse()
        .context("parsing its server")?;
    let host = server
        .host()
        .context("parsing its server: no host")?
        .trim_matches(['[', ']']);
    if host != address.ip().to_string() && cluster.tls_server_name.is_none() {
        cluster.tls_server_name = Some(host.to_owned());
    }
    cluster.server = Some(format!(
        "{}://{address}",
        server.scheme_str().unwrap_or("https")
    ));
    Ok(())
}

fn read(kubeconfig: &Path) -> Result<Kubeconfig> {
    Kubeconfig::read_from(kubeconfig).with_context(|| format!("reading {}", kubeconfig.display()))
}

fn write(config: &Kubeconfig, to: &Path) -> Result<()> {
    let text =
        serde_yaml::to_string(config).with_context(|| format!("writing {}", to.display()))?;
    fs::write(to, text).with_context(|| format!("writing {}", to.display()))
}
