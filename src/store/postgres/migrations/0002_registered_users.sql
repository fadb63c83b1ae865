-- A registered user. Times within a budget are as in subjects.
CREATE TABLE dialpass.users (
    tenant         text   COLLATE "C" NOT NULL,
    user_id        uuid   NOT NULL,
    name           text   COLLATE "C",
    created_at     bigint NOT NULL, -- milliseconds since the Unix epoch, as all times below
    updated_at     bigint NOT NULL,
    recovery       bytea  NOT NULL CHECK (octet_length(recovery) % 32 = 0), -- SHA-256 values
    texts          bytea  NOT NULL CHECK (octet_length(texts) % 8 = 0),
    wrong_codes    bytea  NOT NULL CHECK (octet_length(wrong_codes) % 8 = 0),
    wrong_recovery bytea  NOT NULL CHECK (octet_length(wrong_recovery) % 8 = 0),
    PRIMARY KEY (tenant, user_id)
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 1
);
CREATE UNIQUE INDEX users_by_name ON dialpass.users (tenant, name) WHERE name IS NOT NULL;

-- A registered user's verified phone.
CREATE TABLE dialpass.phones (
    tenant     text   COLLATE "C" NOT NULL,
    user_id    uuid   NOT NULL,
    phone_id   uuid   NOT NULL,
    number     text   COLLATE "C" NOT NULL, -- E.164
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (tenant, user_id, phone_id)
) WITH (fillfactor = 90);
CREATE INDEX phones_by_number ON dialpass.phones (tenant, number);

-- What a registered user is asked to confirm.
CREATE TABLE dialpass.transactions (
    tenant         text     COLLATE "C" NOT NULL,
    transaction_id uuid     NOT NULL,
    user_id        uuid     NOT NULL,
    undertaking    text     COLLATE "C" NOT NULL,
    channel        text     COLLATE "C" NOT NULL,
    stage          text     COLLATE "C" NOT NULL,
    created_at     bigint   NOT NULL,
    updated_at     bigint   NOT NULL,
    expires_at     bigint   NOT NULL,
    idle_from      bigint   NOT NULL, -- from then on it is unknown
    number         text     COLLATE "C",
    nonce          bytea    CHECK (octet_length(nonce) = 16),
    key_id         text     COLLATE "C",
    issued_at      bigint,            -- whole seconds since the Unix epoch
    code_expires   bigint,            -- whole seconds since the Unix epoch
    digits         smallint CHECK (digits BETWEEN 6 AND 8),
    tries_left     integer  CHECK (tries_left >= 0),
    PRIMARY KEY (tenant, transaction_id),
    -- Either a whole code or none.
    CHECK (num_nulls(number, nonce, key_id, issued_at, code_expires, digits, tries_left)
           IN (0, 7))
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 1
);
CREATE INDEX transactions_by_user ON dialpass.transactions (tenant, user_id);
-- Here rows live for a day and most of them are not idle: an index finds those that are, and
-- changes only when a transaction ends.
CREATE INDEX transactions_by_end ON dialpass.transactions (idle_from);

-- Texts sent to a phone.
CREATE TABLE dialpass.texted (
    tenant    text   COLLATE "C" NOT NULL,
    number    text   COLLATE "C" NOT NULL,
    sent      bytea  NOT NULL CHECK (octet_length(sent) % 8 = 0),
    idle_from bigint NOT NULL, -- from then on nothing in the row counts
    PRIMARY KEY (tenant, number)
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 1
);
CREATE INDEX texted_by_end ON dialpass.texted (idle_from);

-- Intents that were used, until they would have expired.
CREATE TABLE dialpass.used_intents (
    tenant    text   COLLATE "C" NOT NULL,
    intent_id uuid   NOT NULL,
    idle_from bigint NOT NULL,
    PRIMARY KEY (tenant, intent_id)
) WITH (
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 1
);
CREATE INDEX used_intents_by_end ON dialpass.used_intents (idle_from);

-- Keys to the authentication cloud's API.
CREATE TABLE dialpass.access_keys (
    hash       bytea  NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32), -- SHA-256
    tenant     text   COLLATE "C" NOT NULL,
    key_id     uuid   NOT NULL UNIQUE,
    name       text   COLLATE "C" NOT NULL,
    created_at bigint NOT NULL
);

-- Whoever locks the row deletes what is idle in these tables next, so that it is one node at a
-- time. The walk through the older ones has a row of its own, which older releases know.
CREATE TABLE dialpass.registry_housekeeping (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    next_at bigint  NOT NULL DEFAULT 0 -- milliseconds: no step before then
);
INSERT INTO dialpass.registry_housekeeping DEFAULT VALUES;
