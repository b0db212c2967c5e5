# Starts PostgreSQL, and refuses to start on an empty directory beside the data of another major version.
# From the chart: MAJOR, REPLACES_MAJOR, PGDATA (/var/lib/postgresql/MAJOR/data). From the image: PG_MAJOR.
set -eu
refuse() {
    echo "sensei: $1" >&2
    echo "sensei: a major upgrade is a backup, a new empty server and a restore: see 'Data stores' in the guide." >&2
    exit 1
}
if [ "${PG_MAJOR:-$MAJOR}" != "$MAJOR" ]; then
    refuse "the image is PostgreSQL $PG_MAJOR, postgresql.major is $MAJOR; set both to the same."
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    for version in "${PGDATA%/*/data}"/*/data/PG_VERSION; do
        [ -s "$version" ] || continue
        found=$(cat "$version")
        if [ "$found" != "${REPLACES_MAJOR:-0}" ]; then
            refuse "the volume holds data of PostgreSQL $found in ${version%/PG_VERSION}, and none of PostgreSQL $MAJOR."
        fi
    done
fi
exec docker-entrypoint.sh postgres "$@"
