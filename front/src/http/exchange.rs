//! One request and its response: claim a target, send, and try again where that cannot do harm.
//! Must never send a request a second time that may have been received, unless it is idempotent.

use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, Request, Response, StatusCode, request};
use hyper::body::{Body, Incoming};
use tokio::time::Instant;

use super::answer::{Content, own, refused, unavailable};
use super::body::{Gate, RequestBody};
use super::relay::Relay;
use super::upstream::{Failure, Upstream};
use super::{Client, forwarded, head, upgrade};
use crate::health::Verdict;
use crate::limits::ATTEMPTS;
use crate::metrics::Series;
use crate::route::{Claim, Target, Use};
use crate::{connect, health};

/// Forwards a request and answers its response, or why there is none.
pub(super) async fn exchange(client: &Arc<Client>, mut request: Request<Incoming>) -> Response<Content> {
    let wanted = head::upgrade(request.headers());
    let switch = wanted.map(|protocol| (protocol, hyper::upgrade::on(&mut request)));
    let mut outgoing = Outgoing::new(client, request);
    if let Some((protocol, upgraded)) = switch {
        outgoing.upgrade_to(protocol);
        return match forward(client, outgoing).await {
            Ok(answered) => Box::pin(upgrade::finish(client, answered, upgraded)).await,
            Err(answer) => answer,
        };
    }
    match forward(client, outgoing).await {
        Ok(answered) => answered.relay().await,
        Err(answer) => answer,
    }
}

/// A request that has not been answered yet.
struct Outgoing {
    head: request::Parts,
    /// `None` while it is under way, and for ever when it was lost.
    body: Option<RequestBody>,
    /// It may be sent over a connection that the target is perhaps about to close, because it may be sent again.
    /// All others go over fresh connections: that a target has closed one is learned only when it is too late.
    replayable: bool,
    upgrades: bool,
}

impl Outgoing {
    fn new(client: &Arc<Client>, request: Request<Incoming>) -> Self {
        let (mut head, body) = request.into_parts();
        let mut body = RequestBody::new(body, &client.activity, client.shared.options.limits.body());
        let streams = !body.is_end_stream();
        let mut extensions = http::Extensions::new();
        if streams && head::expects_continue(&head) {
            let gate = Gate::default();
            body.behind(gate.clone());
            extensions = continued_by(gate);
        }
        head.extensions = extensions;
        head::for_target(&mut head, &client.shared.options.service, streams);
        forwarded::apply(&mut head.headers, &client.address, client.trusted);
        let replayable = !streams && head::is_idempotent(&head.method);
        if !replayable {
            head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Self { head, body: Some(body), replayable, upgrades: false }
    }

    fn upgrade_to(&mut self, protocol: HeaderValue) {
        self.head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        self.head.headers.insert(http::header::UPGRADE, protocol);
        self.replayable = false;
        self.upgrades = true;
    }

    fn take(&mut self) -> Option<Request<RequestBody>> {
        let body = if self.replayable { RequestBody::empty() } else { self.body.take()? };
        Some(Request::from_parts(self.head.clone(), body))
    }
}

/// hyper takes the callback with the request.
fn continued_by(gate: Gate) -> http::Extensions {
    let mut carrier = Request::new(());
    hyper::ext::on_informational(&mut carrier, move |response| {
        if response.status() == StatusCode::CONTINUE {
            gate.open();
        }
    });
    carrier.into_parts().0.extensions
}

/// The head of a response, with what is needed for its body.
pub(super) struct Answered {
    pub(super) response: Response<Incoming>,
    pub(super) upstream: Box<Upstream>,
    pub(super) claim: Claim,
}

impl Answered {
    pub(super) async fn relay(self) -> Response<Content> {
        let (mut head, body) = self.response.into_parts();
        if head.headers.contains_key(TRANSFER_ENCODING) {
            // It outweighs a length, which hyper would believe on the other side.
            head.headers.remove(CONTENT_LENGTH);
        }
        head::strip(&mut head.headers);
        head.extensions.clear();
        let relay = Relay::new(body, self.upstream, self.claim).await;
        Response::from_parts(head, Content::Relayed(Box::new(relay)))
    }
}

async fn forward(client: &Arc<Client>, outgoing: Outgoing) -> Result<Answered, Response<Content>> {
    let begin = Instant::now();
    let mut series = None;
    let answer = attempt(client, outgoing, begin + client.shared.hold(), &mut series).await;
    let (status, series) = match &answer {
        Ok(answered) => (answered.response.status(), answered.claim.series()),
        Err(own) => {
            (own.status(), series.as_ref().unwrap_or_else(|| client.shared.table.metrics().unrouted()))
        }
    };
    series.answered(status, begin.elapsed());
    answer
}

/// `series` becomes the one of the target that was tried last, when there is no answer.
async fn attempt(
    client: &Arc<Client>,
    mut outgoing: Outgoing,
    deadline: Instant,
    series: &mut Option<Arc<Series>>,
) -> Result<Answered, Response<Content>> {
    let shared = &client.shared;
    let mut avoid: Option<Arc<Target>> = None;
    let mut fresh = !outgoing.replayable;
    let mut attempts = 0;
    loop {
        let claimed = shared.table.claim_by(client.port, Use::Exchange, avoid.as_ref(), deadline).await;
        let claim = claimed.map_err(|_| unavailable())?;
        *series = Some(Arc::clone(claim.series()));
        let (mut upstream, reused) = match connection(client, &claim, fresh).await {
            Ok(found) => found,
            Err(Verdict::Ejected) if Instant::now() < deadline => {
                claim.series().connects.add(1);
                continue;
            }
            Err(_) => return Err(unavailable()),
        };
        if outgoing.upgrades {
            upstream.detach();
        }
        let Some(mut request) = outgoing.take() else { return Err(bad_gateway()) };
        request.body_mut().count(claim.series());
        claim.series().repeats.add(u64::from(attempts > 0));
        attempts += 1;
        match upstream.send(request, shared.options.limits.response(), &client.activity).await {
            // Nobody asked for that, and what would follow it is no HTTP.
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS && !outgoing.upgrades => {
                return Err(bad_gateway());
            }
            Ok(response) => return Ok(Answered { response, upstream, claim }),
            Err(Failure::Unsent(request)) if attempts < ATTEMPTS => {
                outgoing.body = Some(request.into_body());
            }
            // Who answers nonsense has got the request, and would answer nonsense again.
            Err(Failure::Lost(e)) if outgoing.replayable && !e.is_parse() && attempts < ATTEMPTS => {
                tracing::debug!(error = %e, reused, "asked again");
                avoid = (!reused).then(|| Arc::clone(claim.target()));
            }
            Err(failure) => return Err(client_or_target(client, &claim, &failure)),
        }
        fresh = true;
    }
}

fn bad_gateway() -> Response<Content> {
    own(StatusCode::BAD_GATEWAY, "the service closed the connection without an answer\n")
}

/// Why there is no answer: the client's body did not come, or the target did not answer.
fn client_or_target(client: &Client, claim: &Claim, failure: &Failure) -> Response<Content> {
    if client.activity.failure().is_some() {
        return broken_body(client);
    }
    if let Failure::TimedOut = failure {
        return own(StatusCode::GATEWAY_TIMEOUT, "the service did not answer in time\n");
    }
    tracing::warn!(target = claim.target().name(), ?failure, "no answer");
    bad_gateway()
}

fn broken_body(client: &Client) -> Response<Content> {
    let status = client.activity.failure().unwrap_or(StatusCode::BAD_REQUEST);
    refused(status, "the body of the request did not come to its end\n")
}

/// A connection to the claimed target, and whether it was used before.
async fn connection(client: &Client, claim: &Claim, fresh: bool) -> Result<(Box<Upstream>, bool), Verdict> {
    let endpoint = claim.endpoint();
    if !fresh && let Some(upstream) = endpoint.pool().take().await {
        return Ok((upstream, true));
    }
    // In a box, because it is rare and every connection has room for what a request may need.
    Box::pin(open(client, claim)).await.map(|upstream| (upstream, false))
}

async fn open(client: &Client, claim: &Claim) -> Result<Box<Upstream>, Verdict> {
    let limits = &client.shared.options.limits;
    let (name, port) = (claim.target().resolver(), claim.endpoint().port());
    let upstream = match connect::to_name(name, port, limits.connect()).await {
        Ok(stream) => Upstream::new(stream, limits.head_bytes, limits.response()).await,
        Err(e) => Err(e),
    };
    upstream.map(Box::new).map_err(|e| health::suspect(&client.shared, claim.target(), client.port, &e))
}
