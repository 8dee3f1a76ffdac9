#!/bin/sh
# Runs PostgreSQL as the user of the container. The first start makes the cluster beside its place
# and renames it, so that an interrupted one is made anew. The password is never here: the role
# gets a SCRAM verifier.
set -eu
for bin in /usr/lib/postgresql/*/bin; do
    if [ -d "$bin" ]; then PATH="$bin:$PATH"; fi
done
export PATH
data=/var/lib/postgresql/data/cluster

identifier() {
    printf '"%s"' "$(printf '%s' "$1" | sed 's/"/""/g')"
}

role=$(identifier "$DB_ROLE")
if [ ! -s "$data/PG_VERSION" ]; then
    rm -rf "$data.new"
    initdb --pgdata="$data.new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
        --auth-local=peer --auth-host=scram-sha-256 >/dev/null
    echo 'host all all all scram-sha-256' >>"$data.new/pg_hba.conf"
    {
        printf "CREATE ROLE %s LOGIN PASSWORD '%s'\n" "$role" "$(cat /run/secrets/db_verifier)"
        printf 'CREATE DATABASE %s OWNER %s\n' "$(identifier "$DB_NAME")" "$role"
    } | postgres --single -D "$data.new" postgres >/dev/null
    mv "$data.new" "$data"
else
    # Another password makes another container.
    printf "ALTER ROLE %s PASSWORD '%s'\n" "$role" "$(cat /run/secrets/db_verifier)" \
        | postgres --single -D "$data" postgres >/dev/null
fi
exec postgres -D "$data" -c 'listen_addresses=*' -c unix_socket_directories=/tmp
