//! Listening sockets. Must never leave a port half open: one socket serves both families.

use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;

/// Connections that the kernel keeps for us while we are busy.
const BACKLOG: i32 = 4096;

/// All addresses of both families, or of IPv4 alone where the machine has no IPv6.
pub(crate) fn bind(port: u16) -> io::Result<net::TcpListener> {
    match Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP)) {
        Ok(socket) => {
            socket.set_only_v6(false)?;
            listen(socket, (Ipv6Addr::UNSPECIFIED, port).into())
        }
        Err(_) => {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
            listen(socket, (Ipv4Addr::UNSPECIFIED, port).into())
        }
    }
}

fn listen(socket: Socket, address: SocketAddr) -> io::Result<net::TcpListener> {
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A client's machine that vanished without a word is noticed after some minutes, or its streams would keep every
/// drain waiting.
pub(super) fn tune(stream: &TcpStream) -> io::Result<()> {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));
    SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    stream.set_nodelay(true)
}
