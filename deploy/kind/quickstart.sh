#!/usr/bin/env bash
# The quickstart on kind: a cluster, the image, Postgres, rock-mac, and the example pod. Run it from anywhere.
# Where Docker or kind is missing it says so and does nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() {
  echo "skipped: $1"
  exit 0
}

command -v docker >/dev/null || skip 'docker is not installed (make quickstart needs none)'
docker info >/dev/null 2>&1 || skip 'no Docker engine answers (make quickstart needs none)'
command -v kind >/dev/null || skip 'kind is not installed: https://kind.sigs.k8s.io/docs/user/quick-start/'
command -v kubectl >/dev/null || skip 'kubectl is not installed'

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
kubectl=(kubectl --context kind-rock-mac)

kind get clusters | grep -qx rock-mac || kind create cluster --config deploy/kind/cluster.yaml --wait 120s
docker build --tag "rock-mac:$version" .
kind load docker-image "rock-mac:$version" --name rock-mac

"${kubectl[@]}" apply --server-side -f crds/
"${kubectl[@]}" apply --server-side -f deploy/manifests/namespace.yaml
"${kubectl[@]}" apply --server-side -f deploy/kind/postgres.yaml
"${kubectl[@]}" -n rock-mac-system rollout status statefulset/rock-mac-postgres --timeout=180s
"${kubectl[@]}" apply --server-side -f deploy/manifests/rbac.yaml -f deploy/manifests/admission.yaml -f deploy/manifests/workloads.yaml
"${kubectl[@]}" -n rock-mac-system rollout status deployment/rock-mac-operator deployment/rock-mac-webhook --timeout=180s

"${kubectl[@]}" apply -f deploy/examples/pod.yaml
"${kubectl[@]}" get pod example -o jsonpath='{.metadata.annotations.mac\.rock-os\.io/addresses}{"\n"}'
sleep 2
"${kubectl[@]}" get macallocations -A -o wide
"${kubectl[@]}" get macpools
echo
echo 'Remove everything with: kind delete cluster --name rock-mac'
