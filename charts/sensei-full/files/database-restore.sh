# Replaces the database by what comes through the pipe of the container beside this one, in one transaction: tables that the
# backup has not are gone afterwards, and if the backup breaks off nothing has changed. Then says how that ended.
# What belongs to an extension stays: the backup makes none. Sequences last: one of an identity column goes with its table alone.
empty="DO \$\$ DECLARE item record; BEGIN FOR item IN
  SELECT format('DROP %s IF EXISTS %I.%I CASCADE', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
    WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, nspname, relname) AS statement
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
  ORDER BY relkind = 'S' LOOP EXECUTE item.statement; END LOOP; END \$\$;"
{
    echo "BEGIN; SET LOCAL client_min_messages = warning; $empty"
    {
        pg_restore --file=- --clean --if-exists --no-owner --no-privileges <"$work/database"
        echo "$?" >"$work/restored"
    } | sed '1,60{/^SET transaction_timeout/d}' # a server before 17 does not know it
    [ "$(cat "$work/restored")" != 0 ] || echo "COMMIT;"
} | psql --no-psqlrc --quiet --output=/dev/null --set=ON_ERROR_STOP=1
status=$?
[ "$(cat "$work/restored" 2>/dev/null)" = 0 ] || status=${status#0}
status=${status:-1}
echo "$status" >"$work/status.new" && mv "$work/status.new" "$work/database.status"
exit "$status"
