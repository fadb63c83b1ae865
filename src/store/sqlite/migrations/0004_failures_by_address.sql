-- A subject's failures by the address of whoever logged in: for each the time in milliseconds since
-- the Unix epoch, and what stands for the address, 8 bytes each, big-endian. Null where there is none.
ALTER TABLE subjects ADD COLUMN by_address BLOB CHECK (length(by_address) % 16 = 0);
