//! The proxy that holds a service's name and ports and forwards to its live color.
//!
//! It never knows that Docker exists: targets are names and ports.

pub mod admin;
mod options;

pub use options::{Listener, Mode, Options};
