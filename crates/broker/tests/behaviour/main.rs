//! The broker through its public door: bytes on a socket, and an ingest that settles as told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails; its helpers are outside of test functions")]

mod acknowledgements;
mod connect;
mod door;
mod foreign;
mod malformed;
mod subscriptions;
mod windows;
mod wire;
