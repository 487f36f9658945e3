//! What does an announcer say of itself? `/livez`, `/readyz`, `/metrics`, `/view`, and a page for people. Reads only.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse},
    routing::get,
};
use roadstead_arp::engine::{StanceView, View};
use serde::Serialize;
use tokio::{sync::watch, time::timeout};

use super::{
    Ask,
    eligibility::MayNot,
    engine::Segments,
    metrics::{Reading, Readings},
    picture::Picture,
    watch::WatchHealth,
};
use crate::{
    admin::{ListenError, STYLE, code, escape, exposed, listen, watch_lines},
    metrics::Metrics,
};

/// What the endpoint tells of.
#[derive(Clone, Debug)]
pub struct Admin {
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Of it what the engine counts.
    pub readings: Readings,
    /// The announcer.
    pub ask: Ask,
    /// The engine.
    pub segments: Arc<dyn Segments>,
    /// The watches.
    pub health: WatchHealth,
    /// Whether the node forwards.
    pub forwarding: watch::Receiver<Option<String>>,
    /// Set once the engine was seen to take part on a segment: it is asked for its whole view no longer than that.
    pub joined: Arc<AtomicBool>,
}

/// What the cluster says of an address, as this node has heard it.
#[derive(Clone, Debug, Serialize)]
struct Asked {
    services: Vec<String>,
    /// Why this node may not announce it.
    may_not: Option<MayNot>,
}

/// Everything that this node knows, for `/view`.
#[derive(Debug, Serialize)]
struct Whole {
    /// Why this node may announce nothing.
    may_not: Option<MayNot>,
    /// Why it does not forward.
    not_forwarding: Option<String>,
    addresses: BTreeMap<IpAddr, Asked>,
    engine: Option<View>,
}

/// How long the announcer and its engine may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

// === impl Admin ===

impl Admin {
    /// Listens, and returns the work of answering, which never ends.
    pub async fn serve(
        self,
        address: SocketAddr,
    ) -> Result<(SocketAddr, impl Future<Output = ()> + Send), ListenError> {
        let router = Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .route("/view", get(view))
            .route("/", get(page))
            .with_state(self);
        listen(address, router).await
    }

    /// What the announcer knows; `None` if it does not answer in time.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Picture) -> T + Send + 'static,
    ) -> Option<T> {
        timeout(ANSWER, self.ask.of(question)).await.ok().flatten()
    }

    /// What is ready and what is not, one line each; true if all is.
    async fn readiness(&self) -> (bool, String) {
        let mut lines: Vec<(bool, String)> = Vec::new();
        lines.push(match timeout(ANSWER, self.segments.stats()).await {
            Ok(Some(_)) => (true, "engine: runs".to_owned()),
            _ => (false, "engine: does not answer".to_owned()),
        });
        lines.push(if self.has_joined().await {
            (true, "segments: joined".to_owned())
        } else {
            (false, "segments: only listening as yet".to_owned())
        });
        lines.extend(watch_lines(&self.health.now()));
        let ready = lines.iter().all(|(ok, _)| *ok) && self.health.is_synced();
        // A node that may not announce is as it should be, and so is its pod.
        let trouble = self.ask(Picture::trouble).await.flatten();
        let unfit = self.forwarding.borrow().clone();
        lines.push((
            true,
            match (trouble, unfit) {
                (Some(why), _) => format!("this node announces nothing: it is {why}"),
                (None, Some(why)) => {
                    format!("this node announces nothing: it does not forward: {why}")
                }
                (None, None) => "this node may announce".to_owned(),
            },
        ));
        let mut text = String::new();
        for (ok, line) in lines {
            let _ = writeln!(text, "[{}] {line}", if ok { '+' } else { '-' });
        }
        (ready, text)
    }

    /// Whether the engine takes part on a segment. Pods are replaced one after the other, and the next one must not go before this
    /// one can take over from it.
    async fn has_joined(&self) -> bool {
        if self.joined.load(Ordering::Relaxed) {
            return true;
        }
        let view = timeout(ANSWER, self.segments.view()).await.ok().flatten();
        let joined = view.is_some_and(|view| view.interfaces.iter().any(|on| !on.listening));
        self.joined.fetch_or(joined, Ordering::Relaxed);
        joined
    }

    async fn whole(&self) -> Whole {
        let known = self
            .ask(|picture| (picture.trouble(), asked(picture)))
            .await;
        let (may_not, addresses) = known.unwrap_or_default();
        let not_forwarding = self.forwarding.borrow().clone();
        Whole {
            may_not,
            not_forwarding,
            addresses,
            engine: timeout(ANSWER, self.segments.view()).await.ok().flatten(),
        }
    }
}

fn asked(picture: &Picture) -> BTreeMap<IpAddr, Asked> {
    let mut asked: BTreeMap<IpAddr, Asked> = BTreeMap::new();
    for (key, wish) in picture.board().services() {
        for address in &wish.addresses {
            let entry = asked.entry(*address).or_insert_with(|| Asked {
                services: Vec::new(),
                may_not: picture.board().may_not(*address),
            });
            entry.services.push(key.to_string());
            entry.services.sort();
        }
    }
    asked
}

/// Alive while the engine answers: a process without it announces nothing.
async fn livez(State(admin): State<Admin>) -> impl IntoResponse {
    let alive = matches!(timeout(ANSWER, admin.segments.stats()).await, Ok(Some(_)));
    let text = if alive {
        "ok\n"
    } else {
        "the engine does not answer\n"
    };
    (code(alive), text)
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    let (ready, lines) = admin.readiness().await;
    (code(ready), lines)
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    let counted = timeout(ANSWER, admin.segments.stats()).await.ok().flatten();
    let known = admin
        .ask(|picture| {
            let conflicts = picture.conflicts().len();
            let able = picture.trouble().is_none();
            (picture.held(), picture.peers(), conflicts, able)
        })
        .await;
    if let (Some((stats, net)), Some((held, peers, conflicts, able))) = (counted, known) {
        let fit = able && admin.forwarding.borrow().is_none();
        admin.readings.set(Reading {
            stats,
            net,
            held,
            peers,
            conflicts,
            fit,
        });
    }
    exposed(&admin.metrics)
}

async fn view(State(admin): State<Admin>) -> impl IntoResponse {
    match serde_json::to_string_pretty(&admin.whole().await) {
        Ok(text) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, "application/json")],
            text + "\n",
        ),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain")],
            format!("writing the view: {error}\n"),
        ),
    }
}

async fn page(State(admin): State<Admin>) -> Html<String> {
    let (ready, lines) = admin.readiness().await;
    Html(render(ready, &lines, &admin.whole().await))
}

/// So many addresses are shown on the page; `/view` has all.
const SHOWN: usize = 500;

fn render(ready: bool, readiness: &str, whole: &Whole) -> String {
    let mut body = String::new();
    for (address, Asked { services, may_not }) in whole.addresses.iter().take(SHOWN) {
        let (class, state) = state(whole, *address, *may_not);
        let _ = writeln!(
            body,
            "<tr class=\"{class}\"><td>{address}</td><td>{}</td><td>{}</td></tr>",
            escape(&services.join(", ")),
            escape(&state)
        );
    }
    if whole.addresses.is_empty() {
        body.push_str("<tr><td colspan=\"3\">No Service of ours has an address.</td></tr>\n");
    }
    let more = whole.addresses.len().saturating_sub(SHOWN);
    if more > 0 {
        let _ = writeln!(body, "<tr><td colspan=\"3\">and {more} more</td></tr>");
    }
    let node = whole.engine.as_ref().map_or("", |engine| &*engine.node);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Roadstead on {node}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"10\">\n<style>{STYLE}</style></head>\n\
         <body><h1>Roadstead on {node} <small>{version}, {state}</small></h1>\n<pre>{readiness}</pre>\n<table><thead><tr>\
         <th>Address</th><th>Service</th><th>Announced</th></tr></thead>\n<tbody>\n{body}</tbody></table>\n\
         <p><a href=\"/view\">view</a> · <a href=\"/metrics\">metrics</a> · <a href=\"/readyz\">readyz</a></p></body></html>\n",
        node = escape(node),
        version = env!("CARGO_PKG_VERSION"),
        state = if ready { "ready" } else { "not ready" },
        readiness = escape(readiness),
    )
}

/// Who announces an address as this node sees it, and whether that is well.
fn state(whole: &Whole, address: IpAddr, may_not: Option<MayNot>) -> (&'static str, String) {
    let interfaces = whole.engine.iter().flat_map(|engine| &engine.interfaces);
    let mut by: Vec<String> = Vec::new();
    for interface in interfaces {
        let shown = interface
            .addresses
            .iter()
            .find(|shown| shown.address == address);
        let Some(shown) = shown else { continue };
        if let Some(mac) = &shown.conflict {
            return (
                "ill",
                format!(
                    "used by the foreign host {mac}, as seen on {}",
                    interface.name
                ),
            );
        }
        if matches!(shown.stance, StanceView::Holding | StanceView::HandingOver) {
            by.push(format!("here on {}", interface.name));
        }
        by.extend(
            shown
                .held_by
                .iter()
                .map(|holder| format!("by {} on {}", holder.node, holder.interface)),
        );
    }
    match (by.is_empty(), may_not) {
        (false, _) => ("well", by.join(", ")),
        (true, Some(why)) => (
            "ill",
            format!("by nobody that is heard here; this node may not: {why}"),
        ),
        (true, None) => ("ill", "by nobody that is heard here".to_owned()),
    }
}
