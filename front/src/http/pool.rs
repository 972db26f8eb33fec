//! Idle upstream connections of one port of one target.
//! Must never hand out a connection that is known to be closed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::upstream::Upstream;

/// The one that was used last is used first, so that the others can be closed when there is less to do.
#[derive(Debug)]
pub(crate) struct Pool {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    open: bool,
    idle: Vec<(Instant, Box<Upstream>)>,
}

impl Default for Pool {
    fn default() -> Self {
        Self { inner: Mutex::new(Inner { open: true, idle: Vec::new() }) }
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pop(&self) -> Option<Box<Upstream>> {
        self.lock().idle.pop().map(|(_, upstream)| upstream)
    }

    /// One that is still open as far as this machine knows.
    pub(crate) async fn take(&self) -> Option<Box<Upstream>> {
        std::future::poll_fn(|cx| Poll::Ready(self.take_now(cx))).await
    }

    fn take_now(&self, cx: &mut Context<'_>) -> Option<Box<Upstream>> {
        loop {
            let mut upstream = self.pop()?;
            if upstream.is_reusable(cx) {
                return Some(upstream);
            }
        }
    }

    /// True when it is the first one, which someone must look after from now on.
    pub(crate) fn put(&self, upstream: Box<Upstream>, limit: usize) -> bool {
        let mut inner = self.lock();
        if !inner.open || inner.idle.len() >= limit {
            return false;
        }
        inner.idle.push((Instant::now(), upstream));
        inner.idle.len() == 1
    }

    /// Drops what is idle, and what becomes so.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.open = false;
        let idle = std::mem::take(&mut inner.idle);
        drop(inner);
        drop(idle);
    }

    pub(crate) fn open(&self) {
        self.lock().open = true;
    }

    /// Drops connections that are idle for too long or were closed; answers how many stay.
    pub(crate) fn sweep(&self, limit: Duration) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        let mut inner = self.lock();
        inner.idle.retain_mut(|(since, upstream)| since.elapsed() < limit && upstream.is_reusable(&mut cx));
        inner.idle.len()
    }
}
