#!/bin/sh
# Starts the installation of docs/deployment.md, sends a mail through it, and takes it down again.
set -eu
finish() {
  code=$?
  [ "$code" = 0 ] || docker compose logs --tail 50
  docker compose down --volumes
  exit "$code"
}
trap finish EXIT
api=http://127.0.0.1:8000

(umask 077; awk '/^[A-Z_]+=$/ {c = "openssl rand -hex 24"; c | getline s; close(c); $0 = $0 (/^FLOWER/ ? "admin:" : "") s} 1' .env.example > .env)
docker compose up --detach
curl --silent --show-error --fail --output /dev/null --retry 60 --retry-delay 2 --retry-all-errors "$api/ready"

docker compose exec -T web python manage.py create_organization --slug acme --name Acme --admin-email ada@example.org --json > /dev/null
key=$(docker compose exec -T web python manage.py create_api_key --organization acme --name ci --scopes send,read --json |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])')

# Prints the field $1 of the data that a request answers with; what follows is curl's.
ask() {
  field=$1; shift
  curl --silent --show-error --fail --header "X-API-Key: $key" --header "Content-Type: application/json" "$@" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["data"][sys.argv[1]])' "$field"
}

id=$(ask notification_id "$api/api/v1/notifications/email" \
  --data '{"to": {"email": "ada@example.org"}, "content": {"subject": "Hello", "text": "Hello"}}')
for _ in $(seq 60); do
  status=$(ask status "$api/api/v1/notifications/$id/status")
  [ "$status" = sent ] && echo "sent" && exit 0
  sleep 1
done
echo "still $status after a minute" >&2
exit 1
