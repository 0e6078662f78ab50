#!/bin/sh
# Pushes the image notifier:local as IMAGE and tells the later jobs its digest.
set -eu
: "${IMAGE:?}" "${REGISTRY_USER:?}" "${REGISTRY_PASSWORD:?}" "${GITHUB_SHA:?}" "${GITHUB_OUTPUT:?}"
printf '%s' "$REGISTRY_PASSWORD" |
  docker login "${IMAGE%%/*}" --username "$REGISTRY_USER" --password-stdin
docker tag notifier:local "$IMAGE:$GITHUB_SHA"
docker push "$IMAGE:$GITHUB_SHA"
echo "image=$(docker inspect --format '{{index .RepoDigests 0}}' "$IMAGE:$GITHUB_SHA")" >> "$GITHUB_OUTPUT"
