//! What Sensorium does, told through its public doors against the real program. One binary, so that it is built once.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod announced;
mod answers;
mod backup;
mod bad_payloads;
mod bad_requests;
mod bindings;
mod calibration;
mod crash;
mod deletion;
mod demo;
mod device_management;
mod disk_calls;
mod external_away;
mod external_brokers;
mod external_faults;
mod external_mqtt5;
mod external_own;
mod external_tls;
mod first_light;
mod fleet;
mod floods;
mod foreign_clients;
mod full_disk;
mod health;
mod hiding;
mod hostile_payloads;
mod imports;
mod live;
mod malformed_packets;
mod merging;
mod office_room;
mod repeats;
mod retention;
mod rules;
mod sources;
mod startup;
mod strange_times;
mod topics;
mod two_nodes;
mod unclear_text;
mod ways_in;
mod windows;
