//! What a front allows one peer to take from it: sizes, counts and times, with their defaults.
//! Must never hold a limit that makes a well-behaved application fail: whatever is slow by nature has no limit here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Longest line of the admin protocol, in bytes.
pub const ADMIN_LINE: usize = 64 * 1024;
/// Admin commands of one connection that are carried out at the same time.
pub const ADMIN_PENDING: usize = 64;
/// Upstream connections that may have been opened for one request, before it is given up.
pub const ATTEMPTS: usize = 4;
/// How long an application may take to say `100 Continue` before the body is sent anyway.
pub const CONTINUE: Duration = Duration::from_secs(1);
/// How long a trusted peer may take to begin a PROXY header, where one is possible; then it is taken to send none.
pub const PROXY: Duration = Duration::from_secs(1);
/// How long a resolved name is believed.
pub const RESOLVED: Duration = Duration::from_secs(1);
/// HTTP/2: streams of one connection at the same time.
pub const STREAMS: u32 = 100;
/// HTTP/2: streams that a client may begin and take back at once before it is cut off.
pub const RESETS: usize = 50;
/// HTTP/2: bytes of a stream's body that may be on their way; eight times as many for a whole connection.
pub const WINDOW: u32 = 128 * 1024;
/// HTTP/2: a client that says nothing for so long is asked whether it is there, and given as long to answer.
pub const ALIVE: Duration = Duration::from_secs(30);
/// How long a client's connection is idle before the memory that it needs for a request is given back.
pub const REST: Duration = Duration::from_secs(1);
/// Pauses between two looks at a target that does not answer: the first, and the longest.
pub const RECHECK: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Sizes, counts and times. A front that is told none has the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Client connections at the same time; more wait in the kernel's queue. Default 16384.
    pub connections: usize,
    /// Bytes of a request's or response's head, and of a connection's buffer. Default 64 KiB.
    /// The number of header fields is limited to 100.
    pub head_bytes: usize,
    /// Milliseconds from the first to the last byte of a request's head. Default 30 s.
    pub head_ms: u64,
    /// Milliseconds that a client's connection may be idle between two requests. Default 3 minutes, more than
    /// common clients and proxies keep theirs, so that it is they who close it.
    pub idle_ms: u64,
    /// Milliseconds of a client's silence in the middle of a request's body, while the target waits for it; then 408, and
    /// the connection is closed. Default 60 s.
    pub body_ms: u64,
    /// Milliseconds in which a client takes nothing of an answer that it is sent; then its connection is closed.
    /// Default 5 minutes: a player that was paused should find its film again.
    pub send_ms: u64,
    /// Milliseconds for a connection to a target. Default 2 s.
    pub connect_ms: u64,
    /// Milliseconds until the head of a response, from the end of the request's body on; then 504. Default 10 minutes: the longest report of an
    /// application that had no proxy before should still arrive.
    pub response_ms: u64,
    /// Idle connections that are kept for each target and port. Default 64.
    pub upstream_idle: usize,
    /// Milliseconds that they are kept. Default 30 s.
    pub upstream_idle_ms: u64,
    /// Milliseconds of silence after which a connection of unknown kind is connected to a target. Default 50.
    pub silence_ms: u64,
    /// Milliseconds that exchanges in flight get when the front is stopped. Default 8 s, because an engine kills
    /// after 10.
    pub stop_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            head_bytes: 64 * 1024,
            head_ms: 30_000,
            idle_ms: 180_000,
            body_ms: 60_000,
            send_ms: 300_000,
            connect_ms: 2_000,
            response_ms: 600_000,
            upstream_idle: 64,
            upstream_idle_ms: 30_000,
            silence_ms: 50,
            stop_ms: 8_000,
        }
    }
}

impl Limits {
    pub(crate) fn head(&self) -> Duration {
        Duration::from_millis(self.head_ms)
    }

    pub(crate) fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }

    pub(crate) fn send(&self) -> Duration {
        Duration::from_millis(self.send_ms)
    }

    pub(crate) fn body(&self) -> Duration {
        Duration::from_millis(self.body_ms)
    }

    pub(crate) fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    pub(crate) fn response(&self) -> Duration {
        Duration::from_millis(self.response_ms)
    }

    pub(crate) fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms)
    }

    pub(crate) fn stop(&self) -> Duration {
        Duration::from_millis(self.stop_ms)
    }
}
