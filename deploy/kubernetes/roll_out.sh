#!/bin/sh
# Brings a cluster to what an overlay says: roll_out.sh development|staging|production
# First what the migration needs, then the migration, then who reads messages, then who writes
# them, so that nobody gets one of a newer kind than it knows; safe to repeat.
set -eu
overlay=${1:?which overlay: development, staging or production}
namespace=notifier-$overlay
cd "$(dirname "$0")/overlays/$overlay"

# A Job cannot be changed, so the one of the last release makes room.
kubectl delete job notifier-migrate --namespace "$namespace" --ignore-not-found
kubectl apply --kustomize . --selector 'app.kubernetes.io/component in (shared, postgres, rabbitmq, redis, migrate)'
kubectl wait job/notifier-migrate --namespace "$namespace" --for=condition=complete --timeout=15m

readers='app.kubernetes.io/component in (worker-email, worker-push, worker-status, dead-letters)'
kubectl apply --kustomize . --selector "$readers"
kubectl rollout status deployment --namespace "$namespace" --selector "$readers" --timeout=10m

kubectl apply --kustomize .
kubectl rollout status deployment --namespace "$namespace" --selector app.kubernetes.io/part-of=notifier --timeout=10m
