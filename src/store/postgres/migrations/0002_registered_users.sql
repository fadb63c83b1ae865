-- A registered user. Times within a budget are as in subjects.
CREATE TABLE dialpass.users (
    tenant         text   COLLATE "C" NOT NULL,
    user_id        uuid NOT NULL, -- a UUID, hyphenated, in small letters
    name           text   COLLATE "C",
    created_at     bigint NOT NULL, -- milliseconds since the Unix epoch, as all times below
    updated_at     bigint NOT NULL,
    recovery       bytea NOT NULL CHECK (octet_length(recovery) % 32 = 0), -- SHA-256 values
    texts          bytea NOT NULL CHECK (octet_length(texts) % 8 = 0),
    wrong_codes    bytea NOT NULL CHECK (octet_length(wrong_codes) % 8 = 0),
    wrong_recovery bytea NOT NULL CHECK (octet_length(wrong_recovery) % 8 = 0),
    PRIMARY KEY (tenant, user_id)
);
CREATE UNIQUE INDEX users_by_name ON dialpass.users (tenant, name) WHERE name IS NOT NULL;

-- A registered user's verified phone.
CREATE TABLE dialpass.phones (
    tenant     text   COLLATE "C" NOT NULL,
    user_id    uuid NOT NULL,
    phone_id   uuid NOT NULL,
    number     text   COLLATE "C" NOT NULL, -- E.164
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (tenant, user_id, phone_id)
);
CREATE INDEX phones_by_number ON dialpass.phones (tenant, number);

-- What a registered user is asked to confirm.
CREATE TABLE dialpass.transactions (
    tenant         text   COLLATE "C" NOT NULL,
    transaction_id uuid NOT NULL,
    user_id        uuid NOT NULL,
    undertaking    text   COLLATE "C" NOT NULL,
    channel        text   COLLATE "C" NOT NULL,
    stage          text   COLLATE "C" NOT NULL,
    created_at     bigint NOT NULL,
    updated_at     bigint NOT NULL,
    expires_at     bigint NOT NULL,
    idle_from      bigint NOT NULL, -- from then on it is unknown
    number         text   COLLATE "C",             -- the code's columns: all of them or none
    nonce          bytea CHECK (octet_length(nonce) = 16),
    key_id         text   COLLATE "C",
    issued_at      bigint,          -- whole seconds
    code_expires   bigint,          -- whole seconds
    digits         smallint CHECK (digits BETWEEN 6 AND 8),
    tries_left     integer CHECK (tries_left >= 0),
    PRIMARY KEY (tenant, transaction_id),
    CHECK ((number IS NULL) + (nonce IS NULL) + (key_id IS NULL) + (issued_at IS NULL)
         + (code_expires IS NULL) + (digits IS NULL) + (tries_left IS NULL) IN (0, 7))
);
CREATE INDEX transactions_by_user ON dialpass.transactions (tenant, user_id);

-- Texts sent to a phone.
CREATE TABLE dialpass.texted (
    tenant    text   COLLATE "C" NOT NULL,
    number    text   COLLATE "C" NOT NULL,
    sent      bytea NOT NULL CHECK (octet_length(sent) % 8 = 0),
    idle_from bigint NOT NULL, -- from then on nothing in the row counts
    PRIMARY KEY (tenant, number)
);

-- Intents that were used, until they would have expired.
CREATE TABLE dialpass.used_intents (
    tenant    text   COLLATE "C" NOT NULL,
    intent_id uuid NOT NULL,
    idle_from bigint NOT NULL,
    PRIMARY KEY (tenant, intent_id)
);

-- Keys to the authentication cloud's API.
CREATE TABLE dialpass.access_keys (
    hash       bytea NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32), -- SHA-256
    tenant     text   COLLATE "C" NOT NULL,
    key_id     uuid NOT NULL UNIQUE,
    name       text   COLLATE "C" NOT NULL,
    created_at bigint NOT NULL
);
