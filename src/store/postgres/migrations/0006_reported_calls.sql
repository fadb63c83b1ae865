-- Calls that voice platforms reported and that heard no code.
CREATE TABLE dialpass.reported_calls (
    tenant         text   COLLATE "C" NOT NULL,
    call_id        uuid   NOT NULL, -- a hash of the platform's id
    first_reported bigint NOT NULL, -- milliseconds since the Unix epoch
    idle_from      bigint NOT NULL,
    PRIMARY KEY (tenant, call_id)
) WITH (
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 1
);
CREATE INDEX reported_calls_by_end ON dialpass.reported_calls (idle_from);

-- Those that heard one stand with the user whose code it was: that row is written anyway. Each has 40
-- bytes: its id, when it was first reported, and the nonce of the grant.
ALTER TABLE dialpass.subjects ADD COLUMN told_calls bytea NOT NULL DEFAULT ''
    CHECK (octet_length(told_calls) % 40 = 0);
