//! Every limit of the broker by name, with what happens when it is reached. Nothing here is read from anywhere: the
//! server passes it in.

use std::time::Duration;

/// What the broker takes before it waits, drops or refuses. `Default` suits one house with a few thousand devices.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once. One more is closed at once and counted as `connections_max`.
    pub connections_max: usize,
    /// Connections at once from one address. One more is closed at once and counted as `connections_per_ip_max`.
    /// Loopback is exempt: a gateway on this machine speaks for many.
    pub connections_per_ip_max: usize,
    /// Connections at once that have not sent their CONNECT. One more is closed at once, counted as `waiting_max`.
    pub waiting_max: usize,
    /// Time from accept to a whole CONNECT, in all and not per byte. After it the connection is closed.
    pub connect_timeout: Duration,
    /// Bytes of the CONNECT packet, will included. A longer one is refused (5: 0x95) without being read.
    pub connect_bytes_max: usize,
    /// Bytes of any later packet, announced to clients of version 5. A longer one closes the connection (5: 0x95)
    /// before anything is reserved for it.
    pub packet_bytes_max: usize,
    /// Bytes of the payload of one publish. A longer one closes the connection (5: 0x95).
    pub payload_bytes_max: usize,
    /// Bytes of a client identifier. A longer one is refused (3: 0x02, 5: 0x85).
    pub client_id_bytes_max: usize,
    /// Publishes of one connection that wait for their outcome. Version 5 is told as Receive Maximum and disconnected
    /// beyond it (0x93); version 3.1.1 is not read until there is room, its keep-alive suspended meanwhile.
    pub receive_maximum: u16,
    /// Bytes of one connection that wait for their outcome. At the limit it is not read, keep-alive suspended.
    pub inflight_bytes_max: usize,
    /// Bytes of all connections that wait for their outcome. At the limit none that publishes is read.
    pub inflight_total_bytes_max: usize,
    /// Bytes queued for one subscriber that does not read. The oldest are dropped and counted.
    pub outbound_bytes_max: usize,
    /// Bytes queued for all subscribers. Beyond it, who gets one more copy and holds more than an equal share of it loses
    /// the oldest down to that share: who reads loses nothing to who does not, and all hold at most twice this.
    pub outbound_total_bytes_max: usize,
    /// Bytes of answers (SUBACK, PINGRESP …) queued for a client that does not read. Beyond it the connection is closed.
    pub answers_bytes_max: usize,
    /// Subscriptions of one session. One more is refused in its SUBACK (5: 0x97).
    pub subscriptions_max: usize,
    /// Subscriptions of all sessions. One more is refused in its SUBACK (5: 0x97).
    pub subscriptions_total_max: usize,
    /// Retained messages. A new topic beyond it is fanned out but not retained, and counted.
    pub retained_max: usize,
    /// Bytes of all retained messages. A message that does not fit is fanned out but not retained, and counted.
    pub retained_bytes_max: usize,
    /// Topic aliases of one connection, announced to clients of version 5. A higher one closes it (0x94).
    pub topic_aliases_max: u16,
    /// User properties of one packet. More close the connection (0x97).
    pub user_properties_max: usize,
    /// Longest keep-alive. Version 5 is told (Server Keep Alive) when it asks for more or for none; version 3.1.1 is
    /// held to it silently.
    pub keep_alive_max: Duration,
    /// How long sessions may wait for outcomes of what they published when the broker stops. Then they are
    /// disconnected; what has no outcome is not acknowledged.
    pub stop_grace: Duration,
    /// How long a write may make no progress. Then the connection is closed as `not_reading`: its acknowledgements and
    /// copies would wait forever.
    pub write_stall_max: Duration,
    /// How long the last bytes of a closing connection may take. Then it is closed without them.
    pub farewell_timeout: Duration,
    /// Refused and broken connections kept for people to look at. The oldest is dropped.
    pub refusals_max: usize,
    /// Log lines a second about single connections. More are counted and told as one number.
    pub log_lines_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            connections_per_ip_max: 1_000,
            waiting_max: 2_000,
            connect_timeout: Duration::from_secs(5),
            connect_bytes_max: 8 * 1024,
            packet_bytes_max: 256 * 1024 + 4 * 1024,
            payload_bytes_max: 256 * 1024,
            client_id_bytes_max: 256,
            receive_maximum: 256,
            inflight_bytes_max: 1024 * 1024,
            inflight_total_bytes_max: 32 * 1024 * 1024,
            outbound_bytes_max: 1024 * 1024,
            outbound_total_bytes_max: 64 * 1024 * 1024,
            answers_bytes_max: 64 * 1024,
            subscriptions_max: 1_000,
            subscriptions_total_max: 100_000,
            retained_max: 20_000,
            retained_bytes_max: 16 * 1024 * 1024,
            topic_aliases_max: 16,
            user_properties_max: 64,
            keep_alive_max: Duration::from_secs(2 * 3600),
            stop_grace: Duration::from_secs(3),
            write_stall_max: Duration::from_secs(60),
            farewell_timeout: Duration::from_secs(1),
            refusals_max: 200,
            log_lines_per_second: 20,
        }
    }
}
