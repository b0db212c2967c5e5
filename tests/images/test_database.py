"""A real database emptied and brought back: extensions of other owners, things that came since the backup."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.images import servers
from tests.images.conftest import Probe
from tests.images.filled import back_up, bring_back

pytestmark = pytest.mark.timeout(300)
Store = dict[str, str]
OWNER = "app-owner"


@pytest.fixture
def owned(filled: Store, tmp_path: Path) -> Store:
    """A database of a user who is no superuser, with extensions that the superuser made."""
    name = f"db-{uuid.uuid4().hex[:8]}"
    servers.psql(filled, f"CREATE ROLE \"{OWNER}\" LOGIN PASSWORD 'x'")
    assert servers.psql(filled, f'CREATE DATABASE "{name}" OWNER "{OWNER}"').returncode == 0
    root = {**filled, "DATABASE_NAME": name}
    said(root, "CREATE EXTENSION pgcrypto; CREATE SCHEMA tools; CREATE EXTENSION pg_stat_statements SCHEMA tools;"
               f'GRANT USAGE ON SCHEMA tools TO "{OWNER}"; ALTER SCHEMA tools OWNER TO "{OWNER}"')  # fmt: skip
    (tmp_path / "backups").mkdir()
    return {**root, "DATABASE_USER": OWNER, "DATABASE_PASSWORD": "x", "BACKUP_TO": "volume",
            "BACKUP_DIR": str(tmp_path / "backups"), "WORK_DIR": str(tmp_path)}  # fmt: skip


def said(environ: Store, statement: str) -> str:
    found = servers.psql(environ, statement)
    assert found.returncode == 0, found.stderr
    return found.stdout


def dumped(environ: Store) -> list[str]:
    """The database as text, without what differs from one dump to the next."""
    text = servers.dump(environ)
    return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def restored(environ: Store) -> None:
    done, told = bring_back(environ, "latest")
    assert done.returncode == 0, (done.stdout, done.stderr, told)


MUCH = """
CREATE EXTENSION hstore; COMMENT ON EXTENSION hstore IS 'of
ours';
CREATE SCHEMA app; COMMENT ON SCHEMA app IS 'a comment'; CREATE TYPE app.mood AS ENUM ('well', 'ill');
CREATE DOMAIN small AS int CHECK (VALUE < 100); CREATE TYPE pair AS (a int, b text); CREATE TYPE span AS RANGE (subtype = float8);
CREATE TABLE app.t (n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s serial, m app.mood, p pair, w small, h hstore, r span);
INSERT INTO app.t (m, p, w, h, r) VALUES ('well', (1, 'x'), 7, 'a=>1', '[1,2]');
CREATE TABLE texts (body text); INSERT INTO texts VALUES ('COMMENT ON EXTENSION x IS 1;'), ('--'), ('SET transaction_timeout = 0;'),
  ('CREATE SCHEMA kept;');
CREATE FUNCTION app.f(app.mood) RETURNS text LANGUAGE sql AS $$
COMMENT ON EXTENSION hstore IS 'in a body';
CREATE SCHEMA of_a_body;
--
SELECT 'x' $$;
CREATE PROCEDURE proc() LANGUAGE sql AS 'SELECT 1'; CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE sql AS 'SELECT $1 = $2';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same);
CREATE VIEW app.seen AS SELECT n, m FROM app.t; CREATE MATERIALIZED VIEW kept AS SELECT * FROM app.seen; CREATE SEQUENCE apart START 5;
CREATE COLLATION own (locale = 'C'); CREATE TEXT SEARCH CONFIGURATION own (COPY = simple);
CREATE TABLE parted (n int) PARTITION BY RANGE (n); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (9);
CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TABLE tools.ours (n int);
CREATE TRIGGER fires BEFORE INSERT ON parted FOR EACH ROW EXECUTE FUNCTION fired(); SELECT lo_from_bytea(4711, 'large');
"""
SINCE = """
CREATE FUNCTION app.later() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION g(app.mood) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA "new one"; CREATE TABLE "new one"."a 'b' C" (m app.mood, d small); CREATE TYPE late AS ENUM ('a'); CREATE DOMAIN lately AS late;
CREATE VIEW public.later AS SELECT * FROM app.seen; CREATE SEQUENCE s2; CREATE AGGREGATE late_sum(int) (SFUNC = int4pl, STYPE = int);
ALTER TABLE app.t ADD COLUMN more late; UPDATE app.t SET m = 'ill'; DROP TABLE texts; DROP PROCEDURE proc(); CREATE TABLE other (n serial);
CREATE TABLE tools.later (n int); SELECT lo_from_bytea(4712, 'later'); CREATE EXTENSION citext; CREATE TABLE soft (c citext);
ALTER TYPE app.mood ADD VALUE 'so so'; CREATE PUBLICATION told FOR TABLE app.t; CREATE TYPE late_span AS RANGE (subtype = int);
"""


def test_what_came_since_the_backup_is_no_hindrance(owned: Store) -> None:
    said(owned, MUCH)
    before = dumped(owned)
    assert back_up(owned).returncode == 0
    said(owned, SINCE)
    restored(owned)
    # An extension stays, too, that came since.
    after = [line for line in dumped(owned) if "citext" not in line]
    assert [line for line in after if line not in before] == []
    assert sorted(line for line in before if line not in after) == []
    assert said(owned, "SELECT s, m, p, w, h, r FROM app.t") == '1|well|(1,x)|7|"a"=>"1"|[1,2]\n'
    assert said(owned, "SELECT body FROM texts").splitlines()[1:] == [
        "--",
        "SET transaction_timeout = 0;",
        "CREATE SCHEMA kept;",
    ]
    assert said(owned, "SELECT oid FROM pg_largeobject_metadata") == "4711\n"
    restored(owned)
    assert said(owned, "SELECT count(*) FROM app.t") == "1\n"


def test_an_extension_of_another_owner_stays(owned: Store) -> None:
    said(owned, "CREATE TABLE hashed AS SELECT digest('x', 'sha256') AS d")
    assert back_up(owned).returncode == 0
    said(
        owned,
        "DROP TABLE hashed; CREATE VIEW used AS SELECT digest('y', 'sha256') AS d, * FROM tools.pg_stat_statements_info",
    )
    restored(owned)
    assert said(owned, "SELECT d = digest('x', 'sha256') FROM hashed") == "t\n"
    owners = said(owned, "SELECT extname, extowner::regrole FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1")
    assert owners == "pg_stat_statements|sensei\npgcrypto|sensei\n"


def test_what_another_owner_has_is_told_before_anything_is_changed(filled: Store, owned: Store, probe: Probe) -> None:
    said(owned, "CREATE TABLE ours (n int); CREATE SCHEMA app")
    assert back_up(owned).returncode == 0
    root = {**filled, "DATABASE_NAME": owned["DATABASE_NAME"]}
    # Whoever has a schema may drop what is in it.
    said(root, "CREATE TABLE app.theirs (n int)")
    restored(owned)
    said(root, "CREATE FUNCTION theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE PUBLICATION told")
    done = probe("check-backup", "latest", environ=owned)
    assert (done.returncode, "does not own function public.theirs(), publication told, which" in done.stderr) == (
        1,
        True,
    )


def test_an_extension_that_is_missing_is_made(filled: Store, owned: Store) -> None:
    said(owned, "CREATE EXTENSION hstore; CREATE TABLE h AS SELECT 'a=>1'::hstore AS h")
    assert back_up(owned).returncode == 0
    said(owned, "DROP EXTENSION hstore CASCADE; DROP TABLE h")
    restored(owned)
    assert said(owned, "SELECT h -> 'a' FROM h") == "1\n"


def test_rows_of_an_extensions_own_table_come_back_once(filled: Store, owned: Store) -> None:
    root = {**filled, "DATABASE_NAME": owned["DATABASE_NAME"]}
    said(root, "CREATE TABLE settings (n int PRIMARY KEY); INSERT INTO settings VALUES (1), (2), (1000);"
               f'GRANT ALL ON settings TO "{OWNER}"; ALTER EXTENSION pgcrypto ADD TABLE settings;'
               "UPDATE pg_extension SET extconfig = ARRAY['settings'::regclass::oid], extcondition = ARRAY['WHERE n >= 1000']"
               " WHERE extname = 'pgcrypto'")  # fmt: skip
    assert back_up(owned).returncode == 0
    said(owned, "INSERT INTO settings VALUES (1001)")
    restored(owned)
    assert said(owned, "SELECT n FROM settings ORDER BY n") == "1\n2\n1000\n"


def test_a_restore_that_breaks_off_changes_nothing(owned: Store) -> None:
    said(owned, "CREATE SCHEMA app; CREATE TABLE app.t AS SELECT 1 AS n")
    assert back_up(owned).returncode == 0
    said(owned, "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    dump = next(Path(owned["BACKUP_DIR"]).rglob("database.dump"))
    dump.write_bytes(dump.read_bytes()[:-1] + b"?")
    done, _ = bring_back(owned, "latest")
    assert (done.returncode, "The database is as it was" in done.stderr) == (1, True)
    assert said(owned, "SELECT app.f() + n FROM app.t") == "2\n"
