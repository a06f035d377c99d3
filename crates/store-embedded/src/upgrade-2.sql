-- From format 1 to format 2, around the copying of rows, which needs code.
ALTER TABLE frames RENAME TO frames_1;
ALTER TABLE frame_series RENAME TO frame_series_1;
DROP INDEX IF EXISTS frame_series_by_frame;
DROP INDEX frame_series_by_last;
ALTER TABLE series ADD COLUMN readings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN frames INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN frame_rows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN frames_xor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN tally_crc INTEGER NOT NULL DEFAULT 0;
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
