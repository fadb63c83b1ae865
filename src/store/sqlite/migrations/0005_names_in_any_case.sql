-- Names are compared with case ignored. Users who had names that differ in case alone keep them, the
-- oldest with 0, the others with 1, 2, … Whoever is made has 0, so that nobody gets a name that a
-- user with 0 has in another case; and where only others have it, a step finds them and makes none.
ALTER TABLE users ADD COLUMN namesake INTEGER NOT NULL DEFAULT 0 CHECK (namesake >= 0);
UPDATE users SET namesake = numbered.place
    FROM (SELECT tenant AS of_tenant, user_id AS of_user, row_number() OVER (
              PARTITION BY tenant, lower(name) ORDER BY created_at, user_id) - 1 AS place
          FROM users WHERE name IS NOT NULL) AS numbered
    WHERE tenant = of_tenant AND user_id = of_user AND place > 0;
CREATE UNIQUE INDEX users_by_name_in_any_case ON users (tenant, name COLLATE NOCASE, namesake)
    WHERE name IS NOT NULL;
