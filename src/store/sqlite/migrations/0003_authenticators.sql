-- A registered user's authenticator: a phone with a passkey.
CREATE TABLE authenticators (
    tenant           TEXT    NOT NULL,
    user_id          TEXT    NOT NULL,
    authenticator_id TEXT    NOT NULL, -- a UUID, hyphenated, in small letters
    name             TEXT    NOT NULL,
    platform         TEXT    NOT NULL,
    credential_id    BLOB    NOT NULL CHECK (length(credential_id) BETWEEN 1 AND 1023),
    record           TEXT    NOT NULL, -- the public key with its properties, JSON
    counter          INTEGER NOT NULL CHECK (counter BETWEEN 0 AND 4294967295),
    endpoint         TEXT,             -- the subscription's columns: all of them or none
    push_key         BLOB    CHECK (length(push_key) = 65),
    push_auth        BLOB    CHECK (length(push_auth) = 16),
    enrolled_at      INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    PRIMARY KEY (tenant, user_id, authenticator_id),
    CHECK ((endpoint IS NULL) + (push_key IS NULL) + (push_auth IS NULL) IN (0, 3))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX authenticators_by_id ON authenticators (tenant, authenticator_id);

-- Notifications sent to a user.
ALTER TABLE users ADD COLUMN pushes BLOB NOT NULL DEFAULT x'' CHECK (length(pushes) % 8 = 0);

-- What a phone asks its user, where is_question says so.
ALTER TABLE transactions ADD COLUMN message TEXT;
ALTER TABLE transactions ADD COLUMN asked_by TEXT;
ALTER TABLE transactions ADD COLUMN asked_from TEXT;
ALTER TABLE transactions ADD COLUMN match_number INTEGER CHECK (match_number BETWEEN 10 AND 99);
ALTER TABLE transactions ADD COLUMN only_authenticator TEXT;
ALTER TABLE transactions ADD COLUMN is_question INTEGER NOT NULL DEFAULT 0 CHECK (is_question IN (0, 1));
ALTER TABLE transactions ADD COLUMN ceremony TEXT; -- the challenge and what else is needed, JSON
ALTER TABLE transactions ADD COLUMN asked BLOB CHECK (length(asked) = 32); -- SHA-256, with a ceremony
