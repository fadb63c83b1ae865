-- Names are compared with case ignored (that of ASCII, as the column's collation is "C"). Users who
-- had names that differ in case alone keep them, the oldest with 0, the others with 1, 2, … Whoever
-- is made has 0, by an older release as well, so that nobody gets a name that a user with 0 has in
-- another case; and where only others have it, a step finds them and makes none.
ALTER TABLE dialpass.users ADD COLUMN namesake integer NOT NULL DEFAULT 0 CHECK (namesake >= 0);
UPDATE dialpass.users AS one SET namesake = numbered.place
    FROM (SELECT tenant, user_id, row_number() OVER (
              PARTITION BY tenant, lower(name) ORDER BY created_at, user_id) - 1 AS place
          FROM dialpass.users WHERE name IS NOT NULL) AS numbered
    WHERE one.tenant = numbered.tenant AND one.user_id = numbered.user_id AND numbered.place > 0;
CREATE UNIQUE INDEX users_by_name_in_any_case ON dialpass.users (tenant, lower(name), namesake)
    WHERE name IS NOT NULL;
