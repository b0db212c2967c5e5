# How the database is reached, and the wait for the pipe of the container beside this one. Before either of the other two.
set -u
work=${WORK_DIR:-/work}
export PGHOST="$DATABASE_HOST" PGPORT="$DATABASE_PORT" PGUSER="$DATABASE_USER" PGPASSWORD="$DATABASE_PASSWORD"
export PGDATABASE="$DATABASE_NAME" PGSSLMODE="${DATABASE_SSLMODE:-prefer}"
case "${DATABASE_CA:+$PGSSLMODE}" in
verify-*) export PGSSLROOTCERT="$DATABASE_CA" ;; # with it, libpq would check under `require` too
esac
until [ -p "$work/database" ]; do
    if [ -e "$work/failed" ]; then
        echo "sensei: the other container failed: see its log" >&2
        exit 1
    fi
    sleep 0.2
done
