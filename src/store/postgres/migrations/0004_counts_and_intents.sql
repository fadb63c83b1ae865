-- Texts by which phones are registered: counted apart from those that ask their verified owners.
ALTER TABLE dialpass.users ADD COLUMN enrolling_texts bytea NOT NULL DEFAULT ''
    CHECK (octet_length(enrolling_texts) % 8 = 0);
ALTER TABLE dialpass.texted ADD COLUMN enrolling bytea NOT NULL DEFAULT ''
    CHECK (octet_length(enrolling) % 8 = 0);

-- Approvals that a user was asked for by a link.
ALTER TABLE dialpass.users ADD COLUMN app_approvals bytea NOT NULL DEFAULT ''
    CHECK (octet_length(app_approvals) % 8 = 0);

-- The intent by which a transaction was begun. The message is now a text's, too.
ALTER TABLE dialpass.transactions ADD COLUMN intent_id uuid;

-- A phone is named by its id alone.
CREATE INDEX phones_by_id ON dialpass.phones (tenant, phone_id);

-- Challenges that go when their time is up.
CREATE INDEX transactions_with_ceremony ON dialpass.transactions (expires_at)
    WHERE ceremony IS NOT NULL;

-- Users who were made without a name and to whom nothing has happened since.
CREATE INDEX users_unconfirmed ON dialpass.users (created_at)
    WHERE name IS NULL AND updated_at = created_at AND octet_length(recovery) = 0;
