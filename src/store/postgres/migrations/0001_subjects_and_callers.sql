-- The one clock that lifetimes and budgets go by, in milliseconds since the Unix epoch.
CREATE FUNCTION dialpass.now_ms() RETURNS bigint LANGUAGE sql VOLATILE
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

-- A subject's live grant (all its columns are null when there is none) and, beside it, the
-- budgets that a new code does not reset. Times within a budget are milliseconds since the Unix
-- epoch, 8 bytes each, big-endian, oldest first.
CREATE TABLE dialpass.subjects (
    tenant           text     COLLATE "C" NOT NULL,
    purpose          text     COLLATE "C" NOT NULL,
    subject          text     COLLATE "C" NOT NULL,
    idle_from        bigint   NOT NULL, -- milliseconds: from then on nothing in the row counts
    issued_at        bigint,            -- whole seconds since the Unix epoch
    expires_at       bigint,            -- whole seconds since the Unix epoch
    tries_left       integer  CHECK (tries_left >= 0),
    wrong_codes_left integer  CHECK (wrong_codes_left >= 0),
    digits           smallint CHECK (digits BETWEEN 6 AND 8),
    tried            boolean,
    nonce            bytea    CHECK (octet_length(nonce) = 16),
    key_id           text     COLLATE "C",
    codes_issued     bytea    NOT NULL CHECK (octet_length(codes_issued) % 8 = 0),
    wrong_passwords  bytea    NOT NULL CHECK (octet_length(wrong_passwords) % 8 = 0),
    wrong_codes      bytea    NOT NULL CHECK (octet_length(wrong_codes) % 8 = 0),
    PRIMARY KEY (tenant, purpose, subject),
    -- Either a whole grant or none.
    CHECK (num_nulls(nonce, key_id, issued_at, expires_at, digits, tried, tries_left,
                     wrong_codes_left) IN (0, 8))
) WITH (
    -- Room in each page for the next version of its rows, so that no index has to change. No
    -- column but the key is indexed, for the same reason.
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 1
);

-- A caller's number and its calls that led to a new code.
CREATE TABLE dialpass.callers (
    tenant    text   COLLATE "C" NOT NULL,
    number    text   COLLATE "C" NOT NULL,
    idle_from bigint NOT NULL, -- milliseconds: from then on nothing in the row counts
    calls     bytea  NOT NULL CHECK (octet_length(calls) % 8 = 0),
    PRIMARY KEY (tenant, number)
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 1
);

-- Where the walk that deletes idle rows is: the key of the last row it looked at. Whoever locks
-- the row takes the next step, so that it is one node at a time.
CREATE TABLE dialpass.housekeeping (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    walking  text    COLLATE "C" NOT NULL DEFAULT 'subjects'
                     CHECK (walking IN ('subjects', 'callers')),
    tenant   text    COLLATE "C" NOT NULL DEFAULT '',
    purpose  text    COLLATE "C" NOT NULL DEFAULT '',
    key      text    COLLATE "C" NOT NULL DEFAULT '',
    next_at  bigint  NOT NULL DEFAULT 0 -- milliseconds: no step before then
);
INSERT INTO dialpass.housekeeping DEFAULT VALUES;

-- Written to find out whether commits go through.
CREATE TABLE dialpass.pulse (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    beat_at bigint  NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO dialpass.pulse DEFAULT VALUES;
