//! `sensorium-sim`.

fn main() {}
