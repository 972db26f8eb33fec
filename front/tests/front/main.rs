//! A front between real clients and real targets, on loopback addresses.
//! Must never wait for a time to pass where it can wait for something to happen.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as expected")]

mod admin;
mod answers;
mod clients;
mod faults;
mod http;
mod http2;
mod idle;
mod metrics;
mod replica;
mod setup;
mod smuggling;
mod strict;
mod supervised;
mod switching;
mod tcp;
