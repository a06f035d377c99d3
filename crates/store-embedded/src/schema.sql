CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
  kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE claims (
  space TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, owner TEXT NOT NULL,
  PRIMARY KEY (space, key)
) WITHOUT ROWID;
CREATE INDEX claims_by_owner ON claims (kind, owner);
CREATE TABLE devices (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE series (
  id INTEGER PRIMARY KEY, record BLOB NOT NULL, latest BLOB,
  first_ms INTEGER, last_ms INTEGER, last_n INTEGER, span_ms INTEGER
);
CREATE TABLE frames (id INTEGER PRIMARY KEY, rank INTEGER NOT NULL, rows INTEGER NOT NULL, blob BLOB NOT NULL);
CREATE TABLE frame_series (
  series INTEGER NOT NULL, first_ms INTEGER NOT NULL, frame INTEGER NOT NULL, rank INTEGER NOT NULL,
  last_ms INTEGER NOT NULL, rows INTEGER NOT NULL, summary BLOB NOT NULL,
  PRIMARY KEY (series, first_ms, frame)
) WITHOUT ROWID;
CREATE INDEX frame_series_by_frame ON frame_series (frame);
CREATE INDEX frame_series_by_last ON frame_series (series, last_ms);
CREATE TABLE unread (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
