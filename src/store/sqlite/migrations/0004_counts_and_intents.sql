-- Texts by which phones are registered: counted apart from those that ask their verified owners.
ALTER TABLE users ADD COLUMN enrolling_texts BLOB NOT NULL DEFAULT x'' CHECK (length(enrolling_texts) % 8 = 0);
ALTER TABLE texted ADD COLUMN enrolling BLOB NOT NULL DEFAULT x'' CHECK (length(enrolling) % 8 = 0);

-- Approvals that a user was asked for by a link.
ALTER TABLE users ADD COLUMN app_approvals BLOB NOT NULL DEFAULT x'' CHECK (length(app_approvals) % 8 = 0);

-- The intent by which a transaction was begun. The message is now a text's, too.
ALTER TABLE transactions ADD COLUMN intent_id TEXT;

-- A phone is named by its id alone.
CREATE INDEX phones_by_id ON phones (tenant, phone_id);
