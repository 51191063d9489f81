#!/bin/sh
# What stands in for the entry point of the official postgres image, as far as its page promises it: with an empty PGDATA it
# makes a cluster with the superuser POSTGRES_USER, the password POSTGRES_PASSWORD and the database POSTGRES_DB; and then, as
# on every other start, it becomes the server. Two things differ. Each connection has to give the password, since here those
# of other pods come from 127.0.0.1 too, which the image trusts. And the server listens on its pod's address instead of on
# all, since pods share the network of the machine.
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

# In the data directory instead of /dev/shm, so that nothing is left behind when a test is killed.
exec bin/postgres -c listen_addresses="$GROUND_POD_IP" -c dynamic_shared_memory_type=mmap \
  -c unix_socket_directories=/var/run/postgresql
