-- A subject's failures by the address of whoever logged in: for each the time in milliseconds since
-- the Unix epoch, and what stands for the address, 8 bytes each, big-endian. Null where there is none.
ALTER TABLE dialpass.subjects
    ADD COLUMN by_address bytea CHECK (octet_length(by_address) % 16 = 0);
