//! What every connection of a front shares. Must never hold what belongs to one connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Options;
use crate::route::Table;
use crate::route::persist::Store;
use crate::supervise::Link;
use crate::trust::Trust;

/// One of these for each front.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) table: Arc<Table>,
    pub(crate) trust: Trust,
    pub(crate) store: Store,
    /// Held while a route is saved and put in force, so that the file and the table agree.
    /// True once another program has taken over: what is set here would be in force nowhere.
    pub(crate) switching: tokio::sync::Mutex<bool>,
    /// Who started this program, when somebody watches over it.
    pub(crate) supervisor: Option<Link>,
    /// Nothing new is accepted, and every answer ends its connection.
    pub(crate) leaving: CancellationToken,
    /// Nothing new is begun.
    pub(crate) stop: CancellationToken,
    /// Nothing is finished either.
    pub(crate) abort: CancellationToken,
    /// Streams that may never end by themselves are ended.
    pub(crate) cut: CancellationToken,
    /// Everything that a stop waits for.
    pub(crate) tasks: TaskTracker,
    /// How many more connections are accepted.
    pub(crate) room: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn hold(&self) -> Duration {
        Duration::from_millis(self.options.hold_ms)
    }

    /// Runs a stream until done, or until a stop has waited long enough for it.
    pub(crate) async fn unless_aborted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.cut.run_until_cancelled(work).await
    }
}
