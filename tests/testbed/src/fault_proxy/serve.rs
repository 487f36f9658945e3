//! How does a call go through?
//!
//! Connections, and the one way of a call from its caller to the upstream and back. What is to become of it is
//! decided elsewhere.

use std::{fmt, future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    sync::oneshot,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    answers::{self, Reply},
    call::{Answer, Call, Fate},
    hold::{Pass, Verdict},
    script::Fault,
    shared::Shared,
};

/// What a caller gets.
#[derive(Debug)]
enum Outcome {
    Reply(Reply),
    /// The connection ends.
    Cut,
    /// Nothing, until the caller gives up.
    Silence,
}

/// Ends a connection without an answer.
#[derive(Debug)]
struct CutOff;

/// Takes connections, for ever. They end with this task.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        select! {
            accepted = listener.accept() => {
                if let Ok((caller, _)) = accepted {
                    connections.spawn(converse(caller, Arc::clone(&shared)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(caller: TcpStream, shared: Arc<Shared>) {
    let _ = caller.set_nodelay(true);
    let service = service_fn(|request| answer(request, Arc::clone(&shared)));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(caller), service);
    // A caller that goes away is the caller's affair, and a connection that is cut is meant to be.
    let _ = connection.await;
}

/// A call lives on when its caller goes away: AWS would carry it out, too.
async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, CutOff> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| CutOff)?.to_bytes();
    let (tells, outcome) = oneshot::channel();
    let task = Arc::clone(&shared);
    shared.spawn(async move {
        let outcome = carry(&task, head, body).await;
        let _ = tells.send(outcome);
    });
    match outcome.await {
        Ok(Outcome::Reply(reply)) => Ok(reply.map(Full::new)),
        Ok(Outcome::Silence) => future::pending().await,
        Ok(Outcome::Cut) | Err(_) => Err(CutOff),
    }
}

/// The way of one call.
async fn carry(shared: &Shared, head: Parts, body: Bytes) -> Outcome {
    let received = Instant::now();
    let call = shared
        .log
        .enter(|number| Call::read(number, received, &head, &body));
    let decision = shared.decide(&call);
    if decision.delay > Duration::ZERO {
        sleep(decision.delay).await;
    }
    shared
        .log
        .note(call.number, |entry| entry.fate = decision.fate.clone());
    if let Some(outcome) = refuse(shared, &call, &decision.fate) {
        return outcome;
    }
    let pass = if call.mutates() {
        shared.gate.enter(call.number)
    } else {
        Pass::Free
    };
    let afterwards = match pass {
        Pass::Free => None,
        Pass::ThenWait(waiting) => Some(waiting),
        Pass::Wait(waiting) => match waiting.verdict().await {
            Verdict::GoOn => None,
            Verdict::Drop => return dropped(shared, &call),
        },
    };
    let forwarded = forward(shared, &call, head, body).await;
    if let Some(waiting) = afterwards {
        shared.gate.arrive(call.number, &waiting);
        if waiting.verdict().await == Verdict::Drop {
            return dropped(shared, &call);
        }
    }
    let Some(answered) = forwarded else {
        return Outcome::Cut;
    };
    match decision.fate {
        Fate::Faulted(Fault::CutAfter) => Outcome::Cut,
        Fate::Faulted(Fault::HangAfter) => Outcome::Silence,
        Fate::Faulted(Fault::StatusAfter(status)) => reply(shared, &call, bare(status)),
        _ => reply(shared, &call, answered),
    }
}

/// What a caller gets of a call that is not to be forwarded.
fn refuse(shared: &Shared, call: &Call, fate: &Fate) -> Option<Outcome> {
    let (service, number) = (call.service, call.number);
    let refusal = match fate {
        Fate::Passed | Fate::Dropped | Fate::Unreachable(_) => return None,
        Fate::Throttled => answers::throttling(service, number),
        Fate::Unseen { code, named } => answers::absence(service, code, named, number),
        Fate::Faulted(fault) => match fault {
            Fault::Error { code, message } => answers::refusal(service, code, message, number),
            Fault::Throttled => answers::throttling(service, number),
            Fault::Denied => answers::denial(call.operation(), number),
            Fault::Status(status) => bare(*status),
            Fault::Cut => return Some(Outcome::Cut),
            Fault::Hang => return Some(Outcome::Silence),
            Fault::CutAfter | Fault::StatusAfter(_) | Fault::HangAfter | Fault::Delay(_) => {
                return None;
            }
        },
    };
    Some(reply(shared, call, refusal))
}

fn bare(status: u16) -> Reply {
    answers::bare(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
}

fn dropped(shared: &Shared, call: &Call) -> Outcome {
    shared
        .log
        .note(call.number, |entry| entry.fate = Fate::Dropped);
    Outcome::Cut
}

/// Notes an answer before it is given, so that a caller that has it finds it in the log.
fn reply(shared: &Shared, call: &Call, reply: Reply) -> Outcome {
    let answer = Answer::read(Instant::now(), reply.status(), reply.body().clone());
    shared
        .log
        .note(call.number, |entry| entry.answer = Some(answer));
    Outcome::Reply(reply)
}

/// What is to be seen of the upstream's answer; `None` if there was none.
async fn forward(shared: &Shared, call: &Call, head: Parts, body: Bytes) -> Option<Reply> {
    shared.record(call);
    let asked = shared.upstream.ask(head, body).await;
    let at = Instant::now();
    let noted = match &asked {
        Ok(reply) => Ok(Answer::read(at, reply.status(), reply.body().clone())),
        Err(error) => Err(format!("{error:#}")),
    };
    let seen = asked.ok().map(|reply| shared.filter(at, call, reply));
    shared.log.note(call.number, |entry| match noted {
        Ok(answer) => entry.upstream = Some(answer),
        Err(error) => entry.fate = Fate::Unreachable(error),
    });
    seen
}

// === impl CutOff ===

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut off on purpose")
    }
}

impl std::error::Error for CutOff {}
