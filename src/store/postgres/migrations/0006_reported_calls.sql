-- Calls that voice platforms reported. Not in used_intents: a call also has the code it heard.
CREATE TABLE dialpass.reported_calls (
    tenant         text   COLLATE "C" NOT NULL,
    call_id        uuid   NOT NULL, -- a hash of the platform's id
    first_reported bigint NOT NULL, -- milliseconds since the Unix epoch
    nonce          bytea  CHECK (octet_length(nonce) = 16), -- of the grant whose code was told
    idle_from      bigint NOT NULL,
    PRIMARY KEY (tenant, call_id)
) WITH (
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 1
);
CREATE INDEX reported_calls_by_end ON dialpass.reported_calls (idle_from);
