#!/usr/bin/env bash
# Runs docker-compose with one address for each service. The request keys make every call use the same addresses, so `up` after `up`
# changes nothing. They are reserved. `down` releases them after the containers are gone.
#
#   ./compose.sh up -d
#   ./compose.sh down
#
# COMPOSE is the program: `docker compose` by default.
set -euo pipefail
cd "$(dirname "$0")"
project=$(basename "$PWD")

address() {
  rock-mac reserve --pool docker --device "$project-$1" --type container --request-key "compose/$project/$1" -o name
}
WEB_MAC=$(address web)
CACHE_MAC=$(address cache)
export WEB_MAC CACHE_MAC

${COMPOSE:-docker compose} "$@"
if [ "${1:-}" = down ]; then rock-mac release --force "$project-web" && rock-mac release --force "$project-cache"; fi
