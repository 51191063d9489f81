import type { ControlPlane } from '../env/kubernetes/control-plane.ts';

/** Returns a list of pods whose manifests name their addresses, so they need no webhook. */
export function podsWithAddresses(pods: readonly { readonly name: string; readonly mac: string }[]): string {
  const items = pods.map(({ name, mac }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, annotations: { 'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: 'blue', mac }]) } },
    spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] },
  }));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

/** Returns numbered names with addresses that end in the same numbers. */
export function numbered(count: number, name: string, octets: string): { name: string; mac: string }[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `${name}-${String(index)}`,
    mac: `a4:58:0f:${octets}:${index.toString(16).padStart(2, '0')}`,
  }));
}

/** Deletes all webhook configurations, for a test of the operator alone. */
export async function withoutAdmission({ kubectl }: ControlPlane): Promise<void> {
  await kubectl(['delete', 'mutatingwebhookconfigurations,validatingwebhookconfigurations', '--all']);
}
