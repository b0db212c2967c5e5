# Writes the database into the pipe of the container beside this one, then says how that ended.
pg_dump --format=custom --no-owner --no-privileges >"$work/database"
status=$?
echo "$status" >"$work/status.new" && mv "$work/status.new" "$work/database.status"
exit "$status"
