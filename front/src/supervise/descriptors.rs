//! Listening sockets from the supervisor to a worker, over the stream that joins them.
//! Must never read a byte too much: what follows the sockets is read as lines, which would lose them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

/// A descriptor travels with a byte, and what it is does not matter.
const BYTE: [u8; 1] = *b".";

/// Passes sockets on, which stay open here.
pub(super) fn send(stream: &UnixStream, listeners: &[TcpListener]) -> io::Result<()> {
    listeners.iter().try_for_each(|listener| send_one(stream, listener.as_fd()))
}

fn send_one(stream: &UnixStream, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(stream, &[IoSlice::new(&BYTE)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// As many as were passed on.
pub(super) fn receive(stream: &UnixStream, count: usize) -> io::Result<Vec<TcpListener>> {
    (0..count).map(|_| receive_one(stream).map(TcpListener::from)).collect()
}

fn receive_one(stream: &UnixStream) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let passed = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    passed.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no listening socket was passed"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn sockets_and_nothing_that_follows_them() {
        let (mut near, mut far) = UnixStream::pair().expect("a pair");
        let bind = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let listeners = [bind(), bind(), bind()];
        send(&near, &listeners).expect("they are sent");
        near.write_all(b"more").expect("it is written");
        let passed = receive(&far, 3).expect("they are received");
        let address = |l: &TcpListener| l.local_addr().expect("it listens");
        assert_eq!(
            passed.iter().map(address).collect::<Vec<_>>(),
            listeners.iter().map(address).collect::<Vec<_>>()
        );
        let target = address(&listeners[1]);
        drop(listeners);
        TcpStream::connect(target).expect("the passed one still listens");
        let mut rest = [0; 4];
        far.read_exact(&mut rest).expect("the rest is there");
        assert_eq!(&rest, b"more");
    }

    #[test]
    fn a_byte_without_a_socket_is_an_error() {
        let (mut near, far) = UnixStream::pair().expect("a pair");
        near.write_all(b".").expect("it is written");
        assert!(receive(&far, 1).is_err());
        drop(near);
        assert!(receive(&far, 1).is_err());
    }
}
