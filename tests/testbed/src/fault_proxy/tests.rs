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

#[tokio::test]
async fn calls_pass_unchanged_and_are_logged() {
    let (aws, proxy, caller) = bed().await;
    let create = "Action=CreateListener&Name=a%26b+c&Ports.member.1=80&Ports.member.2=443";
    assert_eq!(caller.elb(create).await.unwrap(), ok(create));
    let read = "Action=DescribeVpcs&Version=2016-11-15";
    assert_eq!(caller.ec2(read).await.unwrap(), ok(read));
    assert_eq!(aws.bodies(), [create, read]);

    let calls = proxy.calls();
    let [created, described] = &calls[..] else {
        panic!("{calls:?}")
    };
    assert_eq!((created.number, described.number), (1, 2));
    assert_eq!(created.service, AwsService::Elbv2);
    assert_eq!(described.service, AwsService::Ec2);
    assert_eq!(created.param("Name"), Some("a&b c"));
    assert_eq!(created.values("Ports").collect::<Vec<_>>(), ["80", "443"]);
    assert!(created.mutates() && created.took_effect());
    assert!(!described.mutates() && !described.took_effect());
    let answer = created.answer.as_ref().unwrap();
    assert_eq!((answer.status, &answer.error), (200, &None));
    assert_eq!(answer.text(), ok(create).1);
    assert!(created.received <= answer.at);
    assert_eq!(
        proxy.mutating().counts(),
        [("CreateListener".to_owned(), 1)].into()
    );
}

#[tokio::test]
async fn an_error_of_the_upstream_is_known_by_its_code() {
    let (_aws, proxy, caller) = bed().await;
    let (status, _) = caller
        .elb("Action=CreateListener&Name=taken")
        .await
        .unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let call = proxy.calls()[0].clone();
    assert!(!call.took_effect());
    let answer = call.answer.unwrap();
    assert_eq!(answer.error.as_deref(), Some("DuplicateListener"));
}

#[tokio::test]
async fn a_service_is_known_by_version_when_nothing_is_signed() {
    let (_aws, proxy, caller) = bed().await;
    let request = format!(
        "{}/?Action=DescribeTags&Version=2015-12-01",
        caller.endpoint
    );
    caller.client.get(request.parse().unwrap()).await.unwrap();
    let health = format!("{}/health", caller.endpoint);
    caller.client.get(health.parse().unwrap()).await.unwrap();
    let calls = proxy.calls();
    assert_eq!(calls[0].service, AwsService::Elbv2);
    assert_eq!(calls[0].action, "DescribeTags");
    assert_eq!(calls[1].service, AwsService::Other);
    assert_eq!(calls[1].action, "GET /health");
    assert!(!calls[1].mutates());
}

#[tokio::test]
async fn the_connection_to_the_upstream_is_kept() {
    let (aws, _proxy, caller) = bed().await;
    for _ in 0..10 {
        caller.elb("Action=DescribeTags").await.unwrap();
    }
    assert_eq!(aws.seen.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_mark_separates_what_came_before_and_a_reset_forgets_it() {
    let (_aws, proxy, caller) = bed().await;
    caller.elb("Action=AddTags").await.unwrap();
    let mark = proxy.mark();
    assert_eq!(proxy.since(mark).len(), 0);
    caller.elb("Action=AddTags").await.unwrap();
    assert_eq!(proxy.since(mark).count("AddTags"), 1);
    assert_eq!(proxy.count("AddTags"), 2);
    let mark = proxy.mark();
    proxy.reset();
    assert_eq!(proxy.calls().len(), 0);
    caller.elb("Action=RemoveTags").await.unwrap();
    assert_eq!(proxy.since(mark)[0].number, 3);
    assert_eq!(proxy.counts(), [("RemoveTags".to_owned(), 1)].into());
}

#[tokio::test]
async fn a_call_is_awaited_whether_it_was_made_or_not() {
    let (_aws, proxy, caller) = bed().await;
    let answered = |call: &Call| call.is("AddTags") && call.answer.is_some();
    let (waited, _) = tokio::join!(
        proxy.wait_for("tags", answered),
        caller.elb("Action=AddTags")
    );
    assert_eq!(waited.unwrap().number, 1);
    assert_eq!(proxy.wait_for("tags", answered).await.unwrap().number, 1);
    let mark = proxy.mark();
    let later = proxy.wait_for_since(mark, "tags", answered);
    let (later, _) = tokio::join!(later, caller.elb("Action=AddTags"));
    assert_eq!(later.unwrap().number, 2);
}

#[tokio::test]
async fn a_scripted_error_is_said_in_the_words_of_the_service_and_has_no_effect() {
    let (aws, proxy, caller) = bed().await;
    let fault = Fault::error("TooManyTargets", "a < b");
    proxy.script(Scope::mutating(), When::Nth(1), fault.clone());
    caller.elb("Action=DescribeTags").await.unwrap();
    let (status, body) = caller.elb("Action=RegisterTargets").await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.starts_with("<ErrorResponse "), "{body}");
    let said =
        "<Error><Type>Sender</Type><Code>TooManyTargets</Code><Message>a &lt; b</Message></Error>";
    assert!(body.contains(said), "{body}");
    caller.elb("Action=RegisterTargets").await.unwrap();
    assert_eq!(
        aws.bodies(),
        ["Action=DescribeTags", "Action=RegisterTargets"]
    );

    proxy.script(
        Scope::any().of(AwsService::Ec2),
        When::First(1),
        Fault::Throttled,
    );
    let (status, body) = caller.ec2("Action=DescribeVpcs").await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let said = "<Response><Errors><Error><Code>RequestLimitExceeded</Code>";
    assert!(body.contains(said), "{body}");

    let refused = proxy.calls()[1].clone();
    assert_eq!(refused.fate, Fate::Faulted(fault));
    assert_eq!(refused.upstream, None);
    assert!(!refused.took_effect());
    assert_eq!(
        refused.answer.unwrap().error.as_deref(),
        Some("TooManyTargets")
    );
}

#[tokio::test]
async fn a_denied_action_is_named_in_the_answer() {
    let (aws, proxy, caller) = bed().await;
    proxy.deny("CreateListener");
    proxy.deny("CreateTags");
    let (status, body) = caller.elb("Action=CreateListener").await.unwrap();
    assert_eq!(status, StatusCode::FORBIDDEN);
    let why =
        "because no identity-based policy allows the elasticloadbalancing:CreateListener action";
    assert!(
        body.contains("<Code>AccessDenied</Code>") && body.contains(why),
        "{body}"
    );
    let (status, body) = caller.ec2("Action=CreateTags").await.unwrap();
    assert_eq!(status, StatusCode::FORBIDDEN);
    let why = "is not authorized to perform: ec2:CreateTags on resource: ";
    assert!(
        body.contains("<Code>UnauthorizedOperation</Code>") && body.contains(why),
        "{body}"
    );
    assert_eq!(aws.bodies().len(), 0);
    proxy.clear_script();
    caller.elb("Action=CreateListener").await.unwrap();
}

#[tokio::test]
async fn a_status_has_no_body_before_or_after_the_effect() {
    let (aws, proxy, caller) = bed().await;
    proxy.script(Scope::action("AddTags"), When::Nth(1), Fault::Status(503));
    proxy.script(
        Scope::action("AddTags"),
        When::Nth(2),
        Fault::StatusAfter(500),
    );
    let before = caller.elb("Action=AddTags").await.unwrap();
    assert_eq!(before, (StatusCode::SERVICE_UNAVAILABLE, String::new()));
    assert_eq!(aws.bodies().len(), 0);
    let after = caller.elb("Action=AddTags").await.unwrap();
    assert_eq!(after, (StatusCode::INTERNAL_SERVER_ERROR, String::new()));
    assert_eq!(aws.bodies().len(), 1);
    assert_eq!(
        caller.elb("Action=AddTags").await.unwrap(),
        ok("Action=AddTags")
    );
}

#[tokio::test]
async fn a_cut_ends_the_connection_before_or_after_the_effect() {
    let (aws, proxy, caller) = bed().await;
    proxy.script(Scope::action("AddTags"), When::Nth(1), Fault::Cut);
    proxy.script(Scope::action("AddTags"), When::Nth(2), Fault::CutAfter);
    caller.elb("Action=AddTags").await.unwrap_err();
    assert_eq!(aws.bodies().len(), 0);
    caller.elb("Action=AddTags").await.unwrap_err();
    assert_eq!(aws.bodies().len(), 1);
    caller.elb("Action=AddTags").await.unwrap();
    let calls = proxy.calls();
    let effects: Vec<bool> = calls.iter().map(Call::took_effect).collect();
    assert_eq!(effects, [false, true, true]);
    let answered: Vec<bool> = calls.iter().map(|call| call.answer.is_some()).collect();
    assert_eq!(answered, [false, false, true]);
}

#[tokio::test]
async fn a_hanging_call_is_not_answered_and_delays_no_other() {
    let (aws, proxy, caller) = bed().await;
    proxy.script(Scope::action("AddTags"), When::Always, Fault::Hang);
    proxy.script(Scope::action("SetSubnets"), When::Always, Fault::HangAfter);
    let silent = caller.begin("Action=AddTags");
    let lost = caller.begin("Action=SetSubnets");
    let lost_call = proxy
        .wait_for("the effect", Call::took_effect)
        .await
        .unwrap();
    assert!(lost_call.is("SetSubnets"));
    proxy
        .wait_for("the other", |call| call.is("AddTags"))
        .await
        .unwrap();
    caller.elb("Action=DescribeTags").await.unwrap();
    assert!(!silent.is_finished() && !lost.is_finished());
    drop(proxy);
    silent.await.unwrap().unwrap_err();
    lost.await.unwrap().unwrap_err();
    assert_eq!(aws.bodies(), ["Action=SetSubnets", "Action=DescribeTags"]);
}

#[tokio::test]
async fn latency_comes_before_the_effect() {
    let (_aws, proxy, caller) = bed().await;
    let latency = Duration::from_millis(20);
    proxy.set_latency(latency);
    proxy.set_latency_of("DescribeTags", Duration::ZERO);
    proxy.script(
        Scope::action("AddTags"),
        When::Always,
        Fault::Delay(latency),
    );
    caller.elb("Action=AddTags").await.unwrap();
    let call = proxy.calls()[0].clone();
    assert!(call.upstream.unwrap().at - call.received >= 2 * latency);
    let decision = proxy.behaviour().decide(&call_of("DescribeTags"));
    assert_eq!(decision.delay, Duration::ZERO);
}

fn call_of(action: &str) -> Call {
    let request = Request::get(format!("/?Action={action}")).body(()).unwrap();
    Call::read(1, tokio::time::Instant::now(), &request.into_parts().0, b"")
}

#[tokio::test]
async fn what_is_new_is_hidden_until_it_is_shown() {
    let (aws, proxy, caller) = bed().await;
    proxy.hide_new(Duration::from_hours(1));
    let make = "Action=CreateSecurityGroup&GroupName=web<item><groupId>sg-1</groupId></item>";
    assert_eq!(caller.ec2(make).await.unwrap(), ok(make));
    let name = "Action=DescribeSecurityGroups&GroupId.1=sg-1";
    let (status, body) = caller.ec2(name).await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        body.contains("<Code>InvalidGroup.NotFound</Code>"),
        "{body}"
    );
    let list = "Action=DescribeSecurityGroups&X=<item><groupId>sg-1</groupId></item>";
    let less = "Action=DescribeSecurityGroups&X=";
    assert_eq!(caller.ec2(list).await.unwrap(), ok(less));
    let listed = proxy.calls()[2].clone();
    assert_eq!(listed.upstream.unwrap().text(), ok(list).1);
    assert_eq!(listed.answer.unwrap().text(), ok(less).1);

    proxy.hide_new(Duration::ZERO);
    assert_eq!(caller.ec2(list).await.unwrap(), ok(list));
    assert_eq!(caller.ec2(name).await.unwrap(), ok(name));
    assert_eq!(aws.bodies(), [make, list, list, name]);
}

#[tokio::test]
async fn a_throttled_call_says_so_and_is_seen_by_no_rule() {
    let (aws, proxy, caller) = bed().await;
    let limits = Limits::documented().faster(1e-6);
    proxy.limit(Some(limits));
    let rule = Fault::Status(500);
    proxy.script(Scope::action("DescribeTags"), When::Nth(1), rule);
    for _ in 0..10 {
        caller.elb("Action=SetSubnets").await.unwrap();
    }
    let (status, body) = caller.elb("Action=CreateLoadBalancer").await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let said = "<Code>Throttling</Code><Message>Rate exceeded</Message>";
    assert!(body.contains(said), "{body}");
    let (status, _) = caller.elb("Action=DescribeTags").await.unwrap();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(aws.bodies().len(), 10);
    let throttled = proxy.calls().throttled();
    assert_eq!(
        throttled.counts(),
        [("CreateLoadBalancer".to_owned(), 1)].into()
    );

    proxy.limit(None);
    caller.elb("Action=CreateLoadBalancer").await.unwrap();
    assert_eq!(aws.bodies().len(), 11);
    let calls = proxy.calls();
    let floor = Limits::documented().floor(calls.iter().map(Call::operation));
    assert_eq!(floor, Duration::from_secs(10));
}

#[tokio::test]
async fn a_call_is_held_before_its_effect_and_dropped() {
    let (aws, proxy, caller) = bed().await;
    proxy.hold_before(2);
    caller.elb("Action=AddTags").await.unwrap();
    assert!(!proxy.is_held());
    let second = caller.begin("Action=SetSubnets");
    assert!(proxy.held().await.unwrap().is("SetSubnets"));
    let third = caller.begin("Action=RemoveTags");
    proxy
        .wait_for("the third", |call| call.is("RemoveTags"))
        .await
        .unwrap();
    caller.elb("Action=DescribeTags").await.unwrap();
    proxy.drop_held();
    second.await.unwrap().unwrap_err();
    third.await.unwrap().unwrap_err();
    assert_eq!(aws.bodies(), ["Action=AddTags", "Action=DescribeTags"]);
    assert_eq!(proxy.calls()[1].fate, Fate::Dropped);
    assert!(!proxy.is_held());
    caller.elb("Action=SetSubnets").await.unwrap();
}

#[tokio::test]
async fn a_call_is_held_after_its_effect_and_its_answer_dropped() {
    let (aws, proxy, caller) = bed().await;
    proxy.hold_after(1);
    let first = caller.begin("Action=AddTags");
    let held = proxy.held().await.unwrap();
    assert!(held.took_effect());
    assert_eq!(aws.bodies(), ["Action=AddTags"]);
    proxy.drop_held();
    first.await.unwrap().unwrap_err();
    assert!(proxy.calls()[0].answer.is_none());
    caller.elb("Action=SetSubnets").await.unwrap();
}

#[tokio::test]
async fn held_calls_go_on_when_released() {
    let (aws, proxy, caller) = bed().await;
    for (after, hold) in [FaultProxy::hold_before, FaultProxy::hold_after]
        .into_iter()
        .enumerate()
    {
        hold(&proxy, 1);
        let held = caller.begin("Action=AddTags");
        proxy.held().await.unwrap();
        assert_eq!(aws.bodies().len(), after + after);
        proxy.release_held();
        assert_eq!(held.await.unwrap().unwrap(), ok("Action=AddTags"));
    }
}

#[tokio::test]
async fn a_held_call_outlives_its_caller_and_still_does_nothing_when_dropped() {
    let (aws, proxy, caller) = bed().await;
    proxy.hold_before(1);
    let held = caller.begin("Action=AddTags");
    proxy.held().await.unwrap();
    held.abort();
    drop((held.await, caller));
    proxy.drop_held();
    proxy
        .wait_for("the drop", |call| call.fate == Fate::Dropped)
        .await
        .unwrap();
    assert_eq!(aws.bodies().len(), 0);
}

#[tokio::test]
async fn a_call_takes_effect_though_its_caller_is_gone() {
    let (aws, proxy, caller) = bed().await;
    proxy.hold_before(1);
    let held = caller.begin("Action=AddTags");
    proxy.held().await.unwrap();
    held.abort();
    drop((held.await, caller));
    proxy.release_held();
    proxy
        .wait_for("the effect", Call::took_effect)
        .await
        .unwrap();
    assert_eq!(aws.bodies(), ["Action=AddTags"]);
}

#[tokio::test]
async fn an_upstream_that_is_away_is_a_cut_with_its_reason() {
    let (aws, proxy, caller) = bed().await;
    let Aws { endpoint, .. } = &aws;
    let endpoint = endpoint.clone();
    drop(aws);
    let port = endpoint.rsplit(':').next().unwrap();
    caller.elb("Action=AddTags").await.unwrap_err();
    let Fate::Unreachable(why) = proxy.calls()[0].fate.clone() else {
        panic!("{:?}", proxy.calls())
    };
    assert!(why.contains(port), "{why}");
}

#[tokio::test]
async fn forwarded_actions_are_written_down_once_each() {
    let (_aws, proxy, caller) = bed().await;
    let dir = crate::target::RunDir::create().unwrap();
    let file = dir.path().join("below").join("actions");
    proxy.record_actions(&file);
    proxy.deny("DeleteListener");
    for _ in 0..2 {
        caller.elb("Action=AddTags").await.unwrap();
        caller.ec2("Action=CreateTags").await.unwrap();
        caller.elb("Action=DeleteListener").await.unwrap();
    }
    let written = std::fs::read_to_string(file).unwrap();
    assert_eq!(written, "elasticloadbalancing:AddTags\nec2:CreateTags\n");
}

#[tokio::test]
async fn many_calls_at_once_are_all_answered() {
    let (_aws, proxy, caller) = bed().await;
    let calls = (0..200).map(|_| caller.elb("Action=DescribeTags"));
    let answers = futures::future::join_all(calls).await;
    assert!(answers.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(proxy.count("DescribeTags"), 200);
    let numbers: Vec<u64> = proxy.calls().iter().map(|call| call.number).collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
}
