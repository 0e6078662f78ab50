#!/bin/sh
# Builds the image and starts it as compose.yaml and the manifests do: not as root, on a read-only
# filesystem, with no right. ENGINE=podman for another engine than Docker.
set -eu
cd "$(dirname "$0")/.."
engine=${ENGINE:-docker}
if ! "$engine" info > /dev/null 2>&1; then
  echo "image-check: SKIPPED, $engine does not run here (ENGINE=podman for another engine)"
  exit 0
fi
image=notifier:check
container=notifier-check-$$
trap '"$engine" rm --force "$container" > /dev/null 2>&1 || true' EXIT

# Podman forgets the health check of an image in its own format.
format=$([ "$engine" = podman ] && echo --format=docker || true)
# shellcheck disable=SC2086 # no word where there is none
"$engine" build $format --quiet --tag "$image" . > /dev/null

# Runs the image as a role is run; the secrets are for this moment.
start() {
  "$engine" run --no-healthcheck --name "$container" --read-only --tmpfs /tmp:size=64m --cap-drop ALL \
    --security-opt no-new-privileges --env NOTIFIER_ENV=production \
    --env SECRET_KEY="$(openssl rand -hex 24)" --env JWT_SIGNING_KEY="$(openssl rand -hex 24)" \
    --env FIELD_ENCRYPTION_KEYS="$(openssl rand -hex 24)" "$@"
}

start --rm "$image" sh -c 'test "$(id -u)" = 10001 && ! touch /app/here 2> /dev/null && touch /tmp/here'
start --rm "$image" python manage.py check --deploy --fail-level WARNING
start --detach "$image" > /dev/null
for _ in $(seq 60); do
  if "$engine" exec "$container" python -c 'import urllib.request as r; r.urlopen("http://127.0.0.1:8000/live")' 2> /dev/null; then
    "$engine" stop --time 40 "$container" > /dev/null
    code=$("$engine" inspect --format '{{.State.ExitCode}}' "$container")
    size=$("$engine" image inspect --format '{{.Size}}' "$image")
    echo "image-check: ok, $((size / 1000000)) MB; the web answered and ended with $code"
    exit "$code"
  fi
  sleep 1
done
"$engine" logs --tail 30 "$container" >&2
echo "image-check: the web did not answer within a minute" >&2
exit 1
