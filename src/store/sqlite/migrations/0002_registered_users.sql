-- A registered user. Times within a budget are as in subjects.
CREATE TABLE users (
    tenant         TEXT    NOT NULL,
    user_id        TEXT    NOT NULL, -- a UUID, hyphenated, in small letters
    name           TEXT,
    created_at     INTEGER NOT NULL, -- milliseconds since the Unix epoch, as all times below
    updated_at     INTEGER NOT NULL,
    recovery       BLOB    NOT NULL CHECK (length(recovery) % 32 = 0), -- SHA-256 values
    texts          BLOB    NOT NULL CHECK (length(texts) % 8 = 0),
    wrong_codes    BLOB    NOT NULL CHECK (length(wrong_codes) % 8 = 0),
    wrong_recovery BLOB    NOT NULL CHECK (length(wrong_recovery) % 8 = 0),
    PRIMARY KEY (tenant, user_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX users_by_name ON users (tenant, name) WHERE name IS NOT NULL;

-- A registered user's verified phone.
CREATE TABLE phones (
    tenant     TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    phone_id   TEXT    NOT NULL,
    number     TEXT    NOT NULL, -- E.164
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id, phone_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX phones_by_number ON phones (tenant, number);

-- What a registered user is asked to confirm.
CREATE TABLE transactions (
    tenant         TEXT    NOT NULL,
    transaction_id TEXT    NOT NULL,
    user_id        TEXT    NOT NULL,
    undertaking    TEXT    NOT NULL,
    channel        TEXT    NOT NULL,
    stage          TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    idle_from      INTEGER NOT NULL, -- from then on it is unknown
    number         TEXT,             -- the code's columns: all of them or none
    nonce          BLOB    CHECK (length(nonce) = 16),
    key_id         TEXT,
    issued_at      INTEGER,          -- whole seconds
    code_expires   INTEGER,          -- whole seconds
    digits         INTEGER CHECK (digits BETWEEN 6 AND 8),
    tries_left     INTEGER CHECK (tries_left >= 0),
    PRIMARY KEY (tenant, transaction_id),
    CHECK ((number IS NULL) + (nonce IS NULL) + (key_id IS NULL) + (issued_at IS NULL)
         + (code_expires IS NULL) + (digits IS NULL) + (tries_left IS NULL) IN (0, 7))
) STRICT, WITHOUT ROWID;
CREATE INDEX transactions_by_user ON transactions (tenant, user_id);

-- Texts sent to a phone.
CREATE TABLE texted (
    tenant    TEXT    NOT NULL,
    number    TEXT    NOT NULL,
    sent      BLOB    NOT NULL CHECK (length(sent) % 8 = 0),
    idle_from INTEGER NOT NULL, -- from then on nothing in the row counts
    PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;

-- Intents that were used, until they would have expired.
CREATE TABLE used_intents (
    tenant    TEXT    NOT NULL,
    intent_id TEXT    NOT NULL,
    idle_from INTEGER NOT NULL,
    PRIMARY KEY (tenant, intent_id)
) STRICT, WITHOUT ROWID;

-- Keys to the authentication cloud's API.
CREATE TABLE access_keys (
    hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256
    tenant     TEXT    NOT NULL,
    key_id     TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
