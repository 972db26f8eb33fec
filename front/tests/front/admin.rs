//! The admin protocol.
