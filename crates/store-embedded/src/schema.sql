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
CREATE TABLE unread (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE series (
  id INTEGER PRIMARY KEY, record BLOB NOT NULL, latest BLOB,
  first_ms INTEGER, last_ms INTEGER, last_n INTEGER, span_ms INTEGER,
  readings INTEGER NOT NULL DEFAULT 0,
  frames INTEGER NOT NULL DEFAULT 0, frame_rows INTEGER NOT NULL DEFAULT 0, frames_xor INTEGER NOT NULL DEFAULT 0,
  tally_crc INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE frames (
  id INTEGER PRIMARY KEY AUTOINCREMENT, rows INTEGER NOT NULL, crc INTEGER NOT NULL, blob BLOB NOT NULL
);
CREATE TABLE frame_series (
  series INTEGER NOT NULL, first_ms INTEGER NOT NULL, frame INTEGER NOT NULL, col INTEGER NOT NULL,
  rank INTEGER NOT NULL, last_ms INTEGER NOT NULL, rows INTEGER NOT NULL, crc INTEGER NOT NULL, summary BLOB NOT NULL,
  PRIMARY KEY (series, first_ms, frame, col)
) WITHOUT ROWID;
CREATE INDEX frame_series_by_frame ON frame_series (frame);
CREATE INDEX frame_series_by_last ON frame_series (series, last_ms);
CREATE TABLE hours (
  frame INTEGER NOT NULL, col INTEGER NOT NULL, blob BLOB NOT NULL,
  PRIMARY KEY (frame, col)
) WITHOUT ROWID;
CREATE TRIGGER hours_go_with_their_frame AFTER DELETE ON frames BEGIN
  DELETE FROM hours WHERE frame = OLD.id;
END;
CREATE TABLE lost (
  id INTEGER PRIMARY KEY, series INTEGER NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
  rows INTEGER NOT NULL, why TEXT NOT NULL
);
CREATE INDEX lost_by_series ON lost (series, first_ms);
