//! What does this process say of itself? `/livez`, `/readyz`, `/metrics`, and a page for people. Reads only.

use std::{
    fmt::Write,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse},
    routing::get,
};
use roadstead_core::ProviderName;
use tokio::net::TcpListener;

use crate::{
    cli::status::{Row, rows},
    controller::{
        Context,
        watches::{Health, WatchState},
    },
    leader::Leadership,
    metrics::Metrics,
};

/// What the endpoint tells of.
#[derive(Clone, Debug)]
pub struct Admin {
    metrics: Arc<Metrics>,
    leadership: Leadership,
    /// Absent while the cluster was not reached yet.
    context: Arc<OnceLock<Arc<Context>>>,
    /// Why it was not reached.
    trouble: tokio::sync::watch::Receiver<Option<String>>,
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("listening on {address} for the admin endpoint; --admin-address chooses another one")]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    source: std::io::Error,
}

// === impl Admin ===

impl Admin {
    /// Tells of this process; `context` is set once the cluster was reached, until then `trouble` says why not.
    #[must_use]
    pub fn new(
        metrics: Arc<Metrics>,
        leadership: Leadership,
        context: Arc<OnceLock<Arc<Context>>>,
        trouble: tokio::sync::watch::Receiver<Option<String>>,
    ) -> Self {
        Self {
            metrics,
            leadership,
            context,
            trouble,
        }
    }

    /// Listens, and returns the work of answering, which never ends.
    pub async fn serve(
        self,
        address: SocketAddr,
    ) -> Result<(SocketAddr, impl Future<Output = ()> + Send), ListenError> {
        let router = Router::new()
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/", get(page))
            .with_state(self);
        listen(address, router).await
    }

    /// What is ready and what is not, one line each; true if all is.
    fn readiness(&self) -> (bool, String) {
        let mut lines = String::new();
        let mut line = |ok: bool, text: &str| {
            let _ = writeln!(lines, "[{}] {text}", if ok { '+' } else { '-' });
            ok
        };
        let Some(context) = self.context.get() else {
            let trouble = self.trouble.borrow().clone();
            line(
                false,
                &format!(
                    "cluster: {}",
                    trouble.as_deref().unwrap_or("not reached yet")
                ),
            );
            return (false, lines);
        };
        let mut ready = line(true, "cluster: reached");
        let health = context.caches().health();
        for (ok, text) in watch_lines(&health) {
            line(ok, &text);
        }
        ready &= health.is_synced();
        for provider in context.providers() {
            if let Some(error) = context.unrestored(*provider) {
                ready &= line(false, &format!("provider {provider}: {error}"));
            }
        }
        if let Some(trouble) = self.leadership.trouble() {
            ready &= line(false, &trouble);
        }
        let role = match (
            self.leadership.is_current(),
            context.is_acting(),
            self.leadership.holder(),
        ) {
            (true, true, _) => "leader".to_owned(),
            (true, false, _) => "leader, not acting yet".to_owned(),
            (false, _, Some(holder)) => format!("standby; {holder} leads"),
            (false, _, None) => "standby; nobody leads yet".to_owned(),
        };
        line(true, &format!("role: {role}"));
        (ready, lines)
    }
}

/// Listens there, and returns the work of answering, which never ends.
pub(crate) async fn listen(
    address: SocketAddr,
    router: Router,
) -> Result<(SocketAddr, impl Future<Output = ()> + Send), ListenError> {
    let failed = |source| ListenError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let work = async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the admin endpoint failed");
        }
    };
    Ok((bound, work))
}

/// How watches fare, one line each.
pub(crate) fn watch_lines(health: &Health) -> Vec<(bool, String)> {
    let mut watches: Vec<_> = health.watches.iter().collect();
    watches.sort_by_key(|(resource, _)| **resource);
    let line = |(resource, state): (&&str, &WatchState)| {
        let text = match state {
            WatchState::Syncing => "the first list is under way".to_owned(),
            WatchState::Synced => "synced".to_owned(),
            WatchState::Failing { error, .. } => error.clone(),
        };
        (state.is_synced(), format!("watching {resource}: {text}"))
    };
    watches.into_iter().map(line).collect()
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    let (ready, lines) = admin.readiness();
    (code(ready), lines)
}

pub(crate) fn code(ready: bool) -> StatusCode {
    if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    admin.metrics.leader(admin.leadership.is_current());
    if let Some(context) = admin.context.get() {
        context.measure();
    }
    exposed(&admin.metrics)
}

/// The answer to `/metrics`.
pub(crate) fn exposed(metrics: &Metrics) -> impl IntoResponse + use<> {
    match metrics.render() {
        Ok(text) => (
            StatusCode::OK,
            [(
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )],
            text,
        ),
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain")],
            "the metrics could not be written\n".to_owned(),
        ),
    }
}

async fn page(State(admin): State<Admin>) -> Html<String> {
    let (ready, lines) = admin.readiness();
    let services: Vec<(ProviderName, _)> = admin
        .context
        .get()
        .map(|context| context.services())
        .unwrap_or_default();
    let rows = rows(services.iter().map(|(_, service)| &**service));
    Html(render(ready, &lines, &rows))
}

fn render(ready: bool, readiness: &str, rows: &[Row]) -> String {
    let mut body = String::new();
    for row in rows {
        let class = if row.is_well() { "well" } else { "ill" };
        let cells = [
            &row.service,
            &row.provider,
            &row.address,
            &row.programmed,
            &row.healthy,
            &row.message,
        ];
        let _ = write!(body, "<tr class=\"{class}\">");
        for cell in cells {
            let _ = write!(body, "<td>{}</td>", escape(cell));
        }
        body.push_str("</tr>\n");
    }
    if rows.is_empty() {
        body.push_str(
            "<tr><td colspan=\"6\">No Service asks for a load balancer of ours.</td></tr>\n",
        );
    }
    let state = if ready { "ready" } else { "not ready" };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Roadstead</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"10\">\n<style>{STYLE}</style></head>\n\
         <body><h1>Roadstead <small>{version}, {state}</small></h1>\n<pre>{readiness}</pre>\n<table><thead><tr><th>Service</th>\
         <th>Provider</th><th>Address</th><th>Programmed</th><th>Healthy</th><th>Message</th></tr></thead>\n<tbody>\n{body}</tbody>\
         </table>\n<p><a href=\"/metrics\">metrics</a> · <a href=\"/readyz\">readyz</a></p></body></html>\n",
        version = env!("CARGO_PKG_VERSION"),
        readiness = escape(readiness),
    )
}

pub(crate) const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1a2530}\
    h1 small{font-weight:normal;color:#5b6b7a}pre{background:#f2f5f7;padding:.75rem;overflow-x:auto}\
    table{border-collapse:collapse;width:100%}td:not(:last-child){white-space:nowrap}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #d9e0e6;vertical-align:top}\
    tr.ill td:first-child{border-left:4px solid #b3261e}tr.well td:first-child{border-left:4px solid #1b7f4b}";

/// What users wrote is text, never markup.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_wrote_is_never_markup() {
        let row = Row {
            message: "<script>alert('x')</script> & \"more\"".to_owned(),
            ..Row::default()
        };
        let page = render(true, "[+] <all>", &[row]);
        assert!(
            !page.contains("<script>")
                && page.contains("&lt;script&gt;")
                && page.contains("[+] &lt;all&gt;")
        );
    }
}
