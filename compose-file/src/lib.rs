//! Compose files in, a typed [`Project`] or [`Diagnostics`] with source positions out.
//!
//! The stages follow the Compose Specification's order: parse with spans, interpolate, extends, include, merge,
//! validate, normalise, type. No engine, no async, no output.

pub mod model;

pub use model::Project;
