//! The end of a front: it stops for good, or it leaves its sockets to another program and takes its time.
//! Must never end an exchange that could still come to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::shared::Shared;

/// How long kept connections of a front that leaves are still answered, each answer being the last one of its
/// connection. Clients that ask often are all gone by then without having met a closed connection; those that ask more
/// seldom find theirs closed as they would after any pause.
const GRACE: Duration = Duration::from_secs(5);

/// A front that serves.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(super) shared: Arc<Shared>,
    pub(super) admin: JoinHandle<()>,
    pub(super) sweeping: JoinHandle<()>,
    /// Metrics.
    pub(super) reading: Option<JoinHandle<()>>,
}

impl Serving {
    /// Nothing new is begun, and what is in flight gets the time of a stop.
    pub(crate) async fn stop(self) {
        let shared = &self.shared;
        shared.stop.cancel();
        shared.tasks.close();
        if timeout(shared.options.limits.stop(), shared.tasks.wait()).await.is_err() {
            tracing::warn!(left = shared.tasks.len(), "stopped with exchanges in flight");
            shared.abort.cancel();
        }
        self.reading.inspect(JoinHandle::abort);
        self.sweeping.abort();
        self.admin.abort();
    }

    /// Nothing new is accepted. Requests are answered to their end; streams that may have none get the time of a stop.
    pub(crate) async fn leave(&self) {
        let shared = &self.shared;
        shared.leaving.cancel();
        self.reading.as_ref().inspect(|reading| reading.abort());
        // Not shorter when nothing is left to do: whoever asked for this reads the answer over the admin socket.
        sleep(GRACE).await;
        shared.stop.cancel();
        shared.tasks.close();
        if timeout(shared.options.limits.stop(), shared.tasks.wait()).await.is_ok() {
            return;
        }
        shared.cut.cancel();
        if timeout(shared.options.limits.response(), shared.tasks.wait()).await.is_err() {
            tracing::warn!(left = shared.tasks.len(), "left with exchanges in flight");
        }
    }
}
