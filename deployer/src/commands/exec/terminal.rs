//! The terminal at this end. Whatever happens, it must be left as it was found.

use std::io::{self, Read};

use bytes::Bytes;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc::{Receiver, channel};

use crate::engine::exec::Size;

/// A terminal that passes every key on and shows none; dropped, it is as it was before.
pub(super) struct Raw(Termios);

impl Raw {
    pub fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _terminal_is_gone = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// How large the terminal is.
pub(super) fn size() -> Option<Size> {
    let found = tcgetwinsize(io::stdout()).ok()?;
    (found.ws_col > 0 && found.ws_row > 0).then_some(Size { width: found.ws_col, height: found.ws_row })
}

/// What comes in on standard input. A thread of its own reads it: the runtime would wait for a read that never ends
/// before it lets the program go.
pub(super) fn keys() -> Receiver<Bytes> {
    let (sender, receiver) = channel(16);
    std::thread::spawn(move || {
        let mut piece = [0; 8192];
        let mut input = io::stdin().lock();
        while let Ok(length @ 1..) = input.read(&mut piece) {
            if sender.blocking_send(Bytes::copy_from_slice(&piece[..length])).is_err() {
                return;
            }
        }
    });
    receiver
}
