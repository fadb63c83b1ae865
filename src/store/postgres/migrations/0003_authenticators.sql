-- A registered user's authenticator: a phone with a passkey. It goes with its user, whichever
-- release deletes that.
CREATE TABLE dialpass.authenticators (
    tenant           text   COLLATE "C" NOT NULL,
    user_id          uuid   NOT NULL,
    authenticator_id uuid   NOT NULL,
    name             text   COLLATE "C" NOT NULL,
    platform         text   COLLATE "C" NOT NULL,
    credential_id    bytea  NOT NULL CHECK (octet_length(credential_id) BETWEEN 1 AND 1023),
    record           text   COLLATE "C" NOT NULL, -- the public key with its properties, JSON
    counter          bigint NOT NULL CHECK (counter BETWEEN 0 AND 4294967295),
    endpoint         text   COLLATE "C",
    push_key         bytea  CHECK (octet_length(push_key) = 65),
    push_auth        bytea  CHECK (octet_length(push_auth) = 16),
    enrolled_at      bigint NOT NULL, -- milliseconds since the Unix epoch
    updated_at       bigint NOT NULL,
    PRIMARY KEY (tenant, user_id, authenticator_id),
    FOREIGN KEY (tenant, user_id) REFERENCES dialpass.users ON DELETE CASCADE,
    -- Either a whole subscription or none.
    CHECK (num_nulls(endpoint, push_key, push_auth) IN (0, 3))
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX authenticators_by_id ON dialpass.authenticators (tenant, authenticator_id);

-- Notifications sent to a user.
ALTER TABLE dialpass.users ADD COLUMN pushes bytea NOT NULL DEFAULT ''
    CHECK (octet_length(pushes) % 8 = 0);

-- What a phone asks its user, where is_question says so.
ALTER TABLE dialpass.transactions
    ADD COLUMN message text COLLATE "C",
    ADD COLUMN asked_by text COLLATE "C",
    ADD COLUMN asked_from text COLLATE "C",
    ADD COLUMN match_number smallint CHECK (match_number BETWEEN 10 AND 99),
    ADD COLUMN only_authenticator uuid,
    ADD COLUMN is_question boolean NOT NULL DEFAULT false,
    ADD COLUMN ceremony text COLLATE "C", -- the challenge and what else is needed, JSON
    ADD COLUMN asked bytea CHECK (octet_length(asked) = 32); -- SHA-256, with a ceremony
