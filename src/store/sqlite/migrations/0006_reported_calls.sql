-- Calls that voice platforms reported and that heard no code.
CREATE TABLE reported_calls (
    tenant         TEXT    NOT NULL,
    call_id        TEXT    NOT NULL, -- a hash of the platform's id
    first_reported INTEGER NOT NULL, -- milliseconds since the Unix epoch
    idle_from      INTEGER NOT NULL,
    PRIMARY KEY (tenant, call_id)
) STRICT, WITHOUT ROWID;

-- Those that heard one stand with the user whose code it was: that row is written anyway. Each has 40
-- bytes: its id, when it was first reported, and the nonce of the grant.
ALTER TABLE subjects ADD COLUMN told_calls BLOB NOT NULL DEFAULT x''
    CHECK (length(told_calls) % 40 = 0);
