//! Whole commands on a real engine: what they change, what they leave, and what the clients of a stack notice.
//!
//! Every test has a stack of its own, so they run side by side. They read containers, labels and answers; of what the
//! deployer prints, only what its users rely on.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![expect(clippy::print_stderr, reason = "figures are shown with --nocapture")]

mod checks;
mod docker;
mod http;
mod load;
#[path = "../docs/pages.rs"]
mod pages;
mod proxy;
mod scenario;
mod second;

mod calls;
mod documented;
mod failures;
mod fronts;
mod in_place;
mod kills;
mod lock;
mod names;
mod records;
mod releases;
mod restarts;
mod secrets;
mod serving;
mod shapes;
mod steps;
mod unchanged;
