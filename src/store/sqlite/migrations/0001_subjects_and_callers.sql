-- A subject's live grant (all its columns are null when there is none) and, beside it, the
-- budgets that a new code does not reset. Times within a budget are milliseconds since the Unix
-- epoch, 8 bytes each, big-endian, oldest first.
CREATE TABLE subjects (
    tenant           TEXT    NOT NULL,
    purpose          TEXT    NOT NULL,
    subject          TEXT    NOT NULL,
    nonce            BLOB    CHECK (length(nonce) = 16),
    key_id           TEXT,
    issued_at        INTEGER, -- whole seconds since the Unix epoch
    expires_at       INTEGER, -- whole seconds since the Unix epoch
    digits           INTEGER CHECK (digits BETWEEN 6 AND 8),
    tried            INTEGER CHECK (tried IN (0, 1)),
    tries_left       INTEGER CHECK (tries_left >= 0),
    wrong_codes_left INTEGER CHECK (wrong_codes_left >= 0),
    codes_issued     BLOB    NOT NULL CHECK (length(codes_issued) % 8 = 0),
    wrong_passwords  BLOB    NOT NULL CHECK (length(wrong_passwords) % 8 = 0),
    wrong_codes      BLOB    NOT NULL CHECK (length(wrong_codes) % 8 = 0),
    idle_from        INTEGER NOT NULL, -- milliseconds: from then on nothing in the row counts
    PRIMARY KEY (tenant, purpose, subject),
    -- Either a whole grant or none.
    CHECK ((nonce IS NULL) + (key_id IS NULL) + (issued_at IS NULL) + (expires_at IS NULL)
         + (digits IS NULL) + (tried IS NULL) + (tries_left IS NULL) + (wrong_codes_left IS NULL)
           IN (0, 8))
) STRICT, WITHOUT ROWID;

-- A caller's number and its calls that led to a new code.
CREATE TABLE callers (
    tenant    TEXT    NOT NULL,
    number    TEXT    NOT NULL,
    calls     BLOB    NOT NULL CHECK (length(calls) % 8 = 0),
    idle_from INTEGER NOT NULL, -- milliseconds: from then on nothing in the row counts
    PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;
