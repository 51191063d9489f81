#!/bin/sh
# Replaces the entry point of the official postgres image. If PGDATA is empty, it creates a cluster with the superuser
# POSTGRES_USER, the password POSTGRES_PASSWORD and the database POSTGRES_DB. Then it starts the server. One thing differs from
# the image: it trusts 127.0.0.1, and here every connection needs the password.
set -eu
: "${POSTGRES_PASSWORD:?}" "${PGDATA:?}"
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}

mkdir -p "$PGDATA"
# At every start: with an fsGroup the kubelet lets the group write to all folders of the volume, and Postgres refuses that.
chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  umask 077
  printf '%s\n' "$POSTGRES_PASSWORD" > /tmp/password
  bin/initdb --username="$user" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C --no-sync
  rm /tmp/password
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  [ "$database" = postgres ] || echo "create database \"$database\"" | bin/postgres --single -D "$PGDATA" postgres
fi

exec bin/postgres -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
