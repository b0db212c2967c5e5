# Replaces the database by what comes through the pipe of the container beside this one, in one transaction: what the backup has
# not is gone afterwards, and if the backup breaks off nothing has changed. Then says how that ended.
empty() {
    cat <<'SQL'
DO $do$ DECLARE item record; BEGIN
  -- Extensions stay, and what belongs to them, and the schemas they are in: they may be somebody else's, who alone can make them.
  FOR item IN
    WITH member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
    SELECT 'DROP SCHEMA IF EXISTS ' || quote_ident(nspname) || ' CASCADE' AS statement FROM pg_namespace AS space
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema') AND pg_has_role(nspowner, 'USAGE')
      AND NOT EXISTS (SELECT FROM pg_extension WHERE extnamespace = space.oid)
      AND NOT EXISTS (SELECT FROM member WHERE (classid, objid) = ('pg_namespace'::regclass, space.oid))
      AND NOT EXISTS (SELECT FROM member JOIN pg_class ON classid = 'pg_class'::regclass AND pg_class.oid = objid
        WHERE relnamespace = space.oid)
      AND NOT EXISTS (SELECT FROM member JOIN pg_proc ON classid = 'pg_proc'::regclass AND pg_proc.oid = objid
        WHERE pronamespace = space.oid)
      AND NOT EXISTS (SELECT FROM member JOIN pg_type ON classid = 'pg_type'::regclass AND pg_type.oid = objid
        WHERE typnamespace = space.oid)
  LOOP EXECUTE item.statement; END LOOP;
  -- In the schemas that stay. What is a part of something else ('i': a table's row type, an identity's sequence) goes with that.
  FOR item IN
    SELECT format('DROP %s IF EXISTS %s CASCADE', named.type, named.identity) AS statement FROM (
      SELECT 'pg_class'::regclass AS classid, oid, relnamespace AS space FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace FROM pg_proc
      UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace FROM pg_type
      UNION ALL SELECT 'pg_operator'::regclass, oid, oprnamespace FROM pg_operator
      UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfnamespace FROM pg_opfamily
      UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace FROM pg_collation
      UNION ALL SELECT 'pg_conversion'::regclass, oid, connamespace FROM pg_conversion
      UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace FROM pg_ts_config
      UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictnamespace FROM pg_ts_dict
      UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 0 FROM pg_foreign_server
      UNION ALL SELECT 'pg_publication'::regclass, oid, 0 FROM pg_publication
    ) AS one LEFT JOIN pg_namespace ON pg_namespace.oid = space, pg_identify_object(one.classid, one.oid, 0) AS named
    WHERE coalesce(nspname, '') !~ '^pg_' AND nspname IS DISTINCT FROM 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend WHERE (classid, objid, objsubid) = (one.classid, one.oid, 0) AND deptype IN ('e', 'i'))
      AND named.identity IS NOT NULL -- gone already, with another
  LOOP EXECUTE item.statement; END LOOP;
  PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
  -- Of the rows of an extension's table a dump has those that it does not bring itself.
  FOR item IN
    SELECT format('DELETE FROM %s %s', one.id::regclass, one.rows) AS statement
    FROM pg_extension, unnest(extconfig, extcondition) AS one (id, rows) JOIN pg_class ON pg_class.oid = one.id
    WHERE relkind IN ('r', 'p') AND has_table_privilege(one.id, 'DELETE')
  LOOP EXECUTE item.statement; END LOOP;
END $do$;
SQL
}
# The head of what pg_restore says, up to the first thing that is neither a schema nor an extension, fitted to what stayed and to
# servers before 17. Behind it come functions and rows, which are nobody's to change.
fitted() {
    sed -E '
/^SET transaction_timeout/d
/^COMMENT ON EXTENSION /,/^--$/d
s/^CREATE SCHEMA /&IF NOT EXISTS /
/^-- Name: .*; Type: /!b
/; Type: (SCHEMA|EXTENSION|COMMENT|COLLATION|PROCEDURAL LANGUAGE);/b
:rest
n
b rest'
}
{
    echo "BEGIN; SET LOCAL client_min_messages = warning;"
    empty
    {
        pg_restore --file=- --no-owner --no-privileges <"$work/database"
        echo "$?" >"$work/restored"
    } | fitted
    [ "$(cat "$work/restored")" != 0 ] || echo "COMMIT;"
} | psql --no-psqlrc --quiet --output=/dev/null --set=ON_ERROR_STOP=1
status=$?
[ "$(cat "$work/restored" 2>/dev/null)" = 0 ] || status=${status#0}
status=${status:-1}
echo "$status" >"$work/status.new" && mv "$work/status.new" "$work/database.status"
exit "$status"
