//! The proxy that holds a service's name and ports and forwards to its live color.
//!
//! It must never know that Docker exists: targets are names and ports.

pub mod admin;
mod connect;
mod detect;
mod error;
mod health;
mod http;
mod limits;
mod metrics;
mod options;
mod proxy;
mod pump;
mod resolve;
mod route;
mod server;
mod shared;
mod supervise;
mod tcp;
mod trust;

pub use admin::admin_bridge;
pub use error::Error;
pub use limits::Limits;
pub use options::{Listener, Mode, Options};
pub use server::{Front, run};
pub use supervise::{Launch, Supervisor, place, work};
