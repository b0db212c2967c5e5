# How the database is reached, and the wait for the pipe of the container beside this one. Before either of the other two.
set -u
work=${WORK_DIR:-/work}
export PGHOST="$DATABASE_HOST" PGPORT="$DATABASE_PORT" PGUSER="$DATABASE_USER" PGPASSWORD="$DATABASE_PASSWORD"
export PGDATABASE="$DATABASE_NAME" PGSSLMODE="${DATABASE_SSLMODE:-prefer}"
case "${DATABASE_CA:+$PGSSLMODE}" in
verify-*) export PGSSLROOTCERT="$DATABASE_CA" ;; # with it, libpq would check under `require` too
esac
# Each of the two containers shows by a number that grows that it lives: one that was killed gives no other sign. Then whoever
# waits for it to open the pipe would wait for ever: the pipe is opened here, and the program finds nobody at its other end.
# This shell's number, not said with two dollar signs: of those the kubelet makes one, which is no number.
own=$(exec sh -c 'echo "$PPID"')
beat() {
    exec >/dev/null 2>&1 # nobody is to wait for the end of this one's output
    number=0 seen='' still=0
    while kill -0 "$own"; do
        number=$((number + 1))
        echo "$number" >"$work/beat.new" && mv "$work/beat.new" "$work/database.beat"
        now=$(cat "$work/beat")
        still=$((still + 1))
        [ "$now" = "$seen" ] || still=0
        seen=$now
        if [ -n "$seen" ] && [ "$still" -ge "${LOST_AFTER:-60}" ]; then
            touch "$work/failed"
            [ ! -p "$work/database" ] || true <>"$work/database"
        fi
        sleep 1
    done
}
beat &
trap "kill $!" EXIT
until [ -p "$work/database" ]; do
    if [ -e "$work/failed" ]; then
        echo "sensei: the other container failed or was killed: see its log" >&2
        exit 1
    fi
    sleep 0.2
done
