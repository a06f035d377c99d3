//! The tables as text, in the steps in which they came to be. A step that was released is never changed: a later one adds to it.
//!
//! `{k}` stands for the keyspace. Every statement is `IF NOT EXISTS`, so a step that was interrupted is run again whole.
//!
//! Why these options:
//! * `gc_grace_seconds = 10800` where nothing is ever deleted, only left to expire: every replica expires it by itself, so the ten
//!   days that a deletion needs to reach a replica that was away are of no use. Three hours is how long hints are kept, and a hint
//!   lives no longer than this. Tables with deletions keep the ten days: a repair has to run within them.
//! * Windows of `TimeWindowCompactionStrategy` are chosen so that some dozen are alive, and whole files expire.
//! * `frames` are compressed and checksummed already.
//! * Readings live for 14 days, touches three hours longer: see [`crate::Periods`], which says the same.
//! * Reads repair what they find different (`BLOCKING`, the default): else a write whose outcome was unknown shows in one quorum
//!   read and not in the next.

/// The steps, from version 0 (nothing but `meta`) to the newest. Version n is what the first n steps make.
pub(crate) const STEPS: &[&[&str]] = &[FIRST];

/// What is made before any step: it holds the version.
pub(crate) const META: &str = "CREATE TABLE IF NOT EXISTS {k}.meta (name text PRIMARY KEY, value text)";

const FIRST: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {k}.nodes (part int, node int, owner uuid, boot uuid, until bigint, http text, version text, seen bigint, \
     durable bigint, PRIMARY KEY (part, node))",
    "CREATE TABLE IF NOT EXISTS {k}.leases (name text PRIMARY KEY, owner uuid, until bigint)",
    "CREATE TABLE IF NOT EXISTS {k}.decisions (chunk bigint, position bigint, node int, record blob, PRIMARY KEY (chunk, position))",
    "CREATE TABLE IF NOT EXISTS {k}.journal (node int, chunk bigint, sequence bigint, written bigint, body blob, \
     PRIMARY KEY ((node, chunk), sequence)) \
     WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': '3'} \
     AND gc_grace_seconds = 10800 AND default_time_to_live = 172800",
    "CREATE TABLE IF NOT EXISTS {k}.checkpoints (node int, part int, body blob, PRIMARY KEY (node, part))",
    "CREATE TABLE IF NOT EXISTS {k}.latest (shard int, series int, node int, reading blob, PRIMARY KEY (shard, series, node)) \
     WITH compaction = {'class': 'LeveledCompactionStrategy'}",
    "CREATE TABLE IF NOT EXISTS {k}.readings (home int, day int, series int, time bigint, n bigint, reading blob, \
     PRIMARY KEY ((home, day), series, time, n)) \
     WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', 'compaction_window_size': '1'} \
     AND compression = {'class': 'ZstdCompressor', 'compression_level': '3', 'chunk_length_in_kb': '16'} \
     AND gc_grace_seconds = 10800 AND default_time_to_live = 1209600",
    "CREATE TABLE IF NOT EXISTS {k}.touches (home int, day int, node int, hour int, PRIMARY KEY (home, day, node)) \
     WITH compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', 'compaction_window_size': '1'} \
     AND gc_grace_seconds = 10800 AND default_time_to_live = 1220400",
    "CREATE TABLE IF NOT EXISTS {k}.frame_years (home int, year int, PRIMARY KEY (home, year))",
    "CREATE TABLE IF NOT EXISTS {k}.frame_days (home int, year int, day int, version bigint, parts int, compacted int, rows bigint, \
     PRIMARY KEY ((home, year), day))",
    "CREATE TABLE IF NOT EXISTS {k}.frames (home int, year int, day int, version bigint, part int, blob blob, \
     PRIMARY KEY ((home, year), day, version, part)) WITH compression = {'enabled': 'false'}",
    "CREATE TABLE IF NOT EXISTS {k}.hours (home int, year int, series int, day int, version bigint, blob blob, \
     PRIMARY KEY ((home, year), series, day))",
    "CREATE TABLE IF NOT EXISTS {k}.documents (kind text, id text, version bigint, body text, \
     claims frozen<list<frozen<tuple<text, text>>>>, mark uuid, fence uuid, PRIMARY KEY (kind, id))",
    "CREATE TABLE IF NOT EXISTS {k}.claims (space text, key text, kind text, id text, mark uuid, PRIMARY KEY (space, key))",
    "CREATE TABLE IF NOT EXISTS {k}.changes (part int, at timeuuid, node int, kind text, PRIMARY KEY (part, at)) \
     WITH CLUSTERING ORDER BY (at DESC) \
     AND compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'MINUTES', 'compaction_window_size': '10'} \
     AND gc_grace_seconds = 10800 AND default_time_to_live = 3600",
];
