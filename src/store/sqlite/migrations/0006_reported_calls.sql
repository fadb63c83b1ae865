-- Calls that voice platforms reported. Not in used_intents: a call also has the code it heard.
CREATE TABLE reported_calls (
    tenant         TEXT    NOT NULL,
    call_id        TEXT    NOT NULL, -- a hash of the platform's id
    first_reported INTEGER NOT NULL, -- milliseconds since the Unix epoch
    nonce          BLOB    CHECK (length(nonce) = 16), -- of the grant whose code was told
    idle_from      INTEGER NOT NULL,
    PRIMARY KEY (tenant, call_id)
) STRICT, WITHOUT ROWID;
