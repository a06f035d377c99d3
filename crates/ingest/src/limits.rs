//! Every limit of ingest, by name, with what happens when it is reached.

/// All of them; the defaults suit one machine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Messages that wait between the sources and ingest. Full: sources wait, which is the back-pressure.
    pub inlet_messages_max: usize,
    /// Messages of one batch. More that wait go into the next one.
    pub batch_messages_max: usize,
    /// Payload bytes of one batch. The message that crosses it is the batch's last.
    pub batch_bytes_max: usize,
    /// Batches that wait for their commit. Full: ingest waits.
    pub commits_waiting_max: usize,
    /// Devices that nobody has accepted yet. Full: readings of further new devices are rejected as `cardinality`.
    pub new_devices_max: usize,
    /// Devices that tables brought and nobody has accepted yet; the end of an import accepts them. Full: readings of further new devices
    /// of a table are rejected as `cardinality`.
    pub imported_devices_max: usize,
    /// Metrics of one device. Full: readings of further metrics are rejected as `cardinality`.
    pub metrics_per_device_max: usize,
    /// Series in all. Full: readings of further series are rejected as `cardinality`.
    pub series_max: usize,
    /// Topics of announcements that are kept. Full: further ones are counted as `discovery`, and nothing is read with them.
    pub announced_subjects_max: usize,
    /// Such topics of one client. Full: as above, for that client only.
    pub announced_of_client_max: usize,
    /// Bytes of all announcements as they are kept. Full: as above.
    pub announced_bytes_max: usize,
    /// Batches of which answers wait until announcements are kept. Full: settling waits, as it does for a slow disk.
    pub announced_waiting_max: usize,
    /// Topics that are remembered. Full: further topics are decoded without a hint, and are not in the list of topics.
    pub topics_max: usize,
    /// Bytes of stored readings kept for live clients that come back. Full: the oldest go, such a client starts over.
    pub live_bytes_max: usize,
    /// Bytes of an unread message that are kept. Longer ones are cut, their length is told.
    pub unread_bytes_max: usize,
    /// First messages of unknown topics that are told as sentences. Full: the oldest goes.
    pub heard_max: usize,
    /// Events of devices that are remembered, about 200 bytes each. Full: the oldest goes.
    pub events_max: usize,
    /// Bytes of last messages kept for the traces of topics. Full: a topic keeps its newest only, and that without payload.
    pub traced_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inlet_messages_max: 4_096,
            batch_messages_max: 1_024,
            batch_bytes_max: 1024 * 1024,
            commits_waiting_max: 8,
            new_devices_max: 20_000,
            imported_devices_max: 2_000,
            metrics_per_device_max: 1_024,
            series_max: 200_000,
            announced_subjects_max: 20_000,
            announced_of_client_max: 10_000,
            announced_bytes_max: 16 * 1024 * 1024,
            announced_waiting_max: 256,
            topics_max: 100_000,
            live_bytes_max: 1024 * 1024,
            unread_bytes_max: 256 * 1024,
            heard_max: 20,
            events_max: 4_096,
            traced_bytes_max: 8 * 1024 * 1024,
        }
    }
}
