#!/bin/sh
# Replaces the entry point of the official postgres image. If PGDATA is empty, it creates a cluster with the superuser
# POSTGRES_USER, the password POSTGRES_PASSWORD and the database POSTGRES_DB. Then it starts the server. Two things differ from
# the image. Every connection needs the password: the image trusts 127.0.0.1, but here other pods come from there too. And the
# server listens only on the address of its pod, because pods share the network of the machine.
set -eu
: "${POSTGRES_PASSWORD:?}" "${PGDATA:?}" "${GROUND_POD_IP:?}"
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  umask 077
  printf '%s\n' "$POSTGRES_PASSWORD" > /tmp/password
  bin/initdb --username="$user" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale=C --no-sync
  rm /tmp/password
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  [ "$database" = postgres ] || echo "create database \"$database\"" | bin/postgres --single -D "$PGDATA" postgres
fi

# Shared memory is in the data directory instead of /dev/shm, so that a killed test leaves nothing behind.
exec bin/postgres -c listen_addresses="$GROUND_POD_IP" -c dynamic_shared_memory_type=mmap \
  -c unix_socket_directories=/var/run/postgresql
