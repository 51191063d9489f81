#!/usr/bin/env bash
# Sets up everything on a machine with Docker: a kind cluster, the image, Multus, the chart with its bundled Postgres, and an
# example pod. Run it from any folder, and again after a change. If a program is missing, it reports that and does nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() {
  echo "skipped: $1"
  exit 0
}

command -v docker >/dev/null || skip 'docker is not installed (make quickstart needs none)'
docker info >/dev/null 2>&1 || skip 'the Docker engine is not running (make quickstart needs none)'
command -v kind >/dev/null || skip 'kind is not installed: https://kind.sigs.k8s.io/docs/user/quick-start/'
command -v kubectl >/dev/null || skip 'kubectl is not installed'
command -v helm >/dev/null || skip 'helm is not installed: https://helm.sh/docs/intro/install/'

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
multus=v4.2.3
multus_manifest=https://raw.githubusercontent.com/k8snetworkplumbingwg/multus-cni/$multus/deployments/multus-daemonset.yml
plugins=https://github.com/containernetworking/plugins/releases/download/v1.9.1/cni-plugins-linux
kubectl=(kubectl --context kind-rock-mac)

kind get clusters | grep -qx rock-mac || kind create cluster --config deploy/kind/cluster.yaml --wait 180s
docker build --tag "rock-mac:$version" .
kind load docker-image "rock-mac:$version" --name rock-mac

# kind's nodes lack the CNI plugin `bridge`, which the example's network uses.
for node in $(kind get nodes --name rock-mac); do
  docker exec "$node" sh -euc \
    "test -x /opt/cni/bin/bridge || curl -fsSL $plugins-\$(dpkg --print-architecture)-v1.9.1.tgz | tar -xz -C /opt/cni/bin"
done
"${kubectl[@]}" apply -f "$multus_manifest"
# The manifest of a release names a development image.
"${kubectl[@]}" -n kube-system set image daemonset/kube-multus-ds "*=ghcr.io/k8snetworkplumbingwg/multus-cni:$multus"
"${kubectl[@]}" -n kube-system rollout status daemonset/kube-multus-ds --timeout=300s

helm upgrade --install rock-mac charts/rock-mac --kube-context kind-rock-mac \
  --namespace rock-mac-system --create-namespace --set postgres.mode=bundled --wait --timeout 300s
"${kubectl[@]}" wait --for=create macpool/kubernetes --timeout=120s
"${kubectl[@]}" wait --for=condition=Ready macpool/kubernetes --timeout=120s

"${kubectl[@]}" apply -f deploy/examples/network.yaml
"${kubectl[@]}" apply -f deploy/examples/claim.yaml -f deploy/kind/pod.yaml
"${kubectl[@]}" wait --for=condition=Ready pod/on-blue --timeout=180s
"${kubectl[@]}" wait --for=condition=Ready macallocation/prod-01 --timeout=60s

# The address in the annotation must be the one on the interface.
annotated=$("${kubectl[@]}" get pod on-blue -o jsonpath='{.metadata.annotations.mac\.rock-os\.io/addresses}' | grep -o '..:..:..:..:..:..')
actual=$("${kubectl[@]}" exec on-blue -- cat /sys/class/net/eth1/address)
echo "annotation: $annotated, interface: $actual"
[ "$annotated" = "$actual" ]

"${kubectl[@]}" get macallocations -A -o wide
"${kubectl[@]}" get macpools
echo
echo 'Remove everything with: kind delete cluster --name rock-mac'
