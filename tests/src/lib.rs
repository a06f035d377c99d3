//! The harness of the stories: a real server process, and people and devices that use it through its public doors.
//!
//! It speaks the words of the domain (`device.publish`, `operator.readings`, `expect`), waits for conditions and never for
//! time to pass, and is strict at the end: every [`Story`] must be finished, and finishing one checks that the books balance,
//! that nothing is in flight and that the server ends in order. It panics with a sentence where a test should stop.

#![warn(missing_docs)]
#![expect(clippy::expect_used, clippy::panic, reason = "a harness of tests says by a panic what went wrong")]

mod beat;
mod device;
mod mosquitto;
mod operator;
mod program;
mod socket;
mod story;

pub use beat::{Beat, Beats};
pub use device::{Device, Publish};
pub use mosquitto::{Mosquitto, free_port};
pub use operator::{Answer, Operator};
pub use program::{Ended, foreign, python, run_to_end, server_program, simulator_program};
pub use socket::{Socket, connect_packet, publish_packet};
pub use story::{Story, expect};
