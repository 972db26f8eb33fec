//! Compose files in, a typed [`Project`] or [`Diagnostics`] with source positions out.
//!
//! The stages follow the Compose Specification's order: parse with spans, interpolate, extends, include, merge,
//! validate, normalise, type. No engine, no async, no output.

mod assemble;
mod canonical;
mod check;
mod diagnostic;
mod dotenv;
mod environment;
mod extends;
mod external;
mod include;
mod interpolate;
mod load;
mod merge;
pub mod model;
mod name;
mod node;
mod normalise;
mod output;
mod parse;
mod place;
mod report;
mod request;
mod resolve;
mod schema;
mod source;
mod template;
mod typed;
mod units;
mod variables;

pub use diagnostic::{Color, Diagnostic, Diagnostics, Location, Severity};
pub use load::{Loaded, load};
pub use model::Project;
pub use request::Request;
pub use source::{Position, SourceFile, Sources, Span};
