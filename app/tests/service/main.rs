//! data-app against its contract, with a real object store on loopback. Nothing here knows how the service is made.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod contract;
mod garage;
mod harness;
mod limits;
mod listing;
mod outage;
mod process;
mod relay;
mod wire;
