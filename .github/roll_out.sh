#!/bin/sh
# Rolls out IMAGE (by digest) to the overlay OVERLAY, with the kubeconfig in KUBECONFIG_TEXT.
set -eu
: "${IMAGE:?}" "${OVERLAY:?}" "${KUBECONFIG_TEXT:?is the secret KUBECONFIG of this environment set?}"
umask 077
KUBECONFIG=$(mktemp)
export KUBECONFIG
trap 'rm -f "$KUBECONFIG"' EXIT
printf '%s\n' "$KUBECONFIG_TEXT" > "$KUBECONFIG"
(cd "deploy/kubernetes/overlays/$OVERLAY" && kustomize edit set image "notifier=$IMAGE")
deploy/kubernetes/roll_out.sh "$OVERLAY"
