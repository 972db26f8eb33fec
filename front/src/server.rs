//! A front from its first to its last moment.
//! Must never accept a connection before the admin socket answers, nor drop one because another one failed.

mod serving;
pub(crate) mod sockets;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::server as admin;
use crate::admin::socket::AdminSocket;
use crate::metrics::Metrics;
use crate::route::Table;
use crate::route::persist::Store;
use crate::shared::Shared;
use crate::supervise::Link;
use crate::trust::{Peer, Trust};
use crate::{Error, Mode, Options, health, http, metrics, proxy, tcp};
use bytes::Bytes;
pub(crate) use serving::Serving;

/// Runs a front until `shutdown` is ready and what is in flight has ended, or has had its time.
///
/// # Errors
///
/// When it cannot listen, or its folder or its options are of no use.
pub async fn run(options: Options, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    Front::bind(options).await?.serve(shutdown).await;
    Ok(())
}

/// A front that listens and does not accept yet.
#[derive(Debug)]
pub struct Front {
    shared: Arc<Shared>,
    listeners: Vec<TcpListener>,
    admin: AdminSocket,
    metrics: Arc<Metrics>,
    /// Where the metrics can be read.
    read: Option<TcpListener>,
}

impl Front {
    /// Listens on every port, on all addresses of both families.
    ///
    /// # Errors
    ///
    /// When a port, the admin socket, the folder or a range of trusted proxies is of no use.
    pub async fn bind(options: Options) -> Result<Self, Error> {
        let listeners = options.listeners.iter().map(|l| bind(l.port)).collect::<Result<_, _>>()?;
        Self::with_listeners(options, listeners).await
    }

    /// As [`Front::bind`], with sockets that listen already, one for each of the options' listeners and in their
    /// order. The options' ports are then only the ports of the targets.
    ///
    /// # Errors
    ///
    /// As [`Front::bind`], and when there are more or fewer sockets than ports.
    pub async fn with_listeners(options: Options, listeners: Vec<TcpListener>) -> Result<Self, Error> {
        let read = options.metrics.map(bind).transpose()?;
        let front = Self::supervised(options, listeners, read, None)?;
        front.take_over()?;
        Ok(front)
    }

    pub(crate) fn supervised(
        options: Options,
        listeners: Vec<TcpListener>,
        read: Option<TcpListener>,
        supervisor: Option<Link>,
    ) -> Result<Self, Error> {
        let (given, wanted) = (listeners.len(), options.listeners.len());
        if given != wanted {
            return Err(Error::Listeners { given, wanted });
        }
        let state = |source| Error::State { path: options.state.clone(), source };
        let store = Store::open(&options.state).map_err(state)?;
        let socket = |source| Error::Admin { path: options.admin.clone(), source };
        let admin = AdminSocket::bind(&options.admin).map_err(socket)?;
        let trust = Trust::new(&options.trusted_proxies)?;
        let counted = Arc::new(Metrics::new(&options.service));
        let ports = options.listeners.iter().map(|l| l.port).collect();
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let shared = Shared {
            table: Arc::new(Table::new(ports, options.limits.upstream_idle, Arc::clone(&counted))),
            trust,
            store,
            switching: tokio::sync::Mutex::new(false),
            supervisor,
            leaving: stop.child_token(),
            stop,
            cut: abort.child_token(),
            abort,
            tasks: TaskTracker::new(),
            room: Arc::new(Semaphore::new(options.limits.connections)),
            options,
        };
        Ok(Self { shared: Arc::new(shared), listeners, admin, metrics: counted, read })
    }

    /// Where it listens, in the order of the options' listeners.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|l| l.local_addr().ok()).collect()
    }

    /// Where the metrics can be read, when the options say that they can.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.read.as_ref().and_then(|l| l.local_addr().ok())
    }

    /// Restores the route of its last life and serves until `shutdown` is ready; then nothing new is accepted, and
    /// what is in flight gets the time that the limits give it.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        self.restore();
        let serving = self.start();
        shutdown.await;
        serving.stop().await;
    }

    /// Is the one that answers at the admin socket from here on.
    pub(crate) fn take_over(&self) -> Result<(), Error> {
        let path = || self.shared.options.admin.clone();
        self.admin.take_over().map_err(|source| Error::Admin { path: path(), source })
    }

    /// Knows the route of its last life from here on, and looks whether its targets answer.
    pub(crate) fn restore(&self) {
        if let Some(route) = self.shared.store.load() {
            tracing::info!(release = route.release, color = route.color, "route restored");
            let targets = self.shared.table.restore(route);
            health::watch_all(&self.shared, &targets);
        }
    }

    /// Serves from here on.
    pub(crate) fn start(self) -> Serving {
        let Self { shared, listeners, admin, metrics, read } = self;
        let admin = tokio::spawn(admin::serve(Arc::clone(&shared), admin.into_listener()));
        for (port, listener) in listeners.into_iter().enumerate() {
            tokio::spawn(accept(Arc::clone(&shared), listener, port));
        }
        let reading = read.map(|listener| tokio::spawn(metrics::serve(metrics, listener)));
        let table = Arc::clone(&shared.table);
        let idle = Duration::from_millis(shared.options.limits.upstream_idle_ms);
        let sweeping = tokio::spawn(async move { table.sweep(idle).await });
        Serving { shared, admin, sweeping, reading }
    }
}

fn bind(port: u16) -> Result<TcpListener, Error> {
    sockets::bind(port).and_then(TcpListener::from_std).map_err(|source| Error::Bind { port, source })
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, port: usize) {
    let leaving = shared.leaving.clone();
    let accepting = async {
        loop {
            let Ok(place) = Arc::clone(&shared.room).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let peer = peer.ip().to_canonical();
                    shared.tasks.spawn(serve(Arc::clone(&shared), stream, peer, port, place));
                }
                // Out of descriptors, most likely: some will be free in a moment.
                Err(e) => {
                    tracing::warn!(error = %e, "no connection can be accepted");
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    };
    leaving.run_until_cancelled(accepting).await;
}

/// The peer, or whom a trusted one speaks for.
async fn who(shared: &Shared, stream: &TcpStream, peer: IpAddr, port: usize) -> io::Result<Peer> {
    let options = &shared.options;
    let listener = &options.listeners[port];
    let trusted = listener.loopback || shared.trust.includes(peer);
    if trusted && options.proxy_protocol.contains(&listener.port) {
        let reading = Box::pin(proxy::read(stream, options.limits.head()));
        let named = shared.stop.run_until_cancelled(reading).await;
        if let Some(address) = named.unwrap_or_else(|| Err(io::ErrorKind::Interrupted.into()))? {
            return Ok(Peer { address, trusted: shared.trust.includes(address) });
        }
    }
    Ok(Peer { address: peer, trusted })
}

/// The place among all connections is free again at the end. What is rare or short is in a box, so that an idle
/// connection does not keep room for it.
async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: IpAddr,
    port: usize,
    _place: OwnedSemaphorePermit,
) {
    if sockets::tune(&stream).is_err() {
        return;
    }
    let Ok(peer) = who(&shared, &stream, peer, port).await else { return };
    let http = match shared.options.listeners[port].mode {
        Mode::Http => Some((stream, Bytes::new())),
        Mode::Tcp => {
            Box::pin(tcp::forward(&shared, stream, Bytes::new(), port)).await;
            None
        }
        Mode::Auto => Box::pin(tcp::detect(&shared, stream, port)).await,
    };
    if let Some((stream, read)) = http {
        http::serve(shared, stream, read, peer, port).await;
    }
}
