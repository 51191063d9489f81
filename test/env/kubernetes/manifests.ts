import path from 'node:path';
import { eventually } from '../run/eventually.ts';
import type { Kubectl } from './kubectl.ts';

const FOREIGN_CRDS = [
  'network-attachment-definitions',
  'virtual-machines',
  'virtual-machine-instances',
  'virtual-machine-pools',
  'cloudnative-pg-clusters',
] as const;

/** Applies YAML files or folders, and waits until their CRDs are served. */
export async function applyManifests(kubectl: Kubectl, files: readonly string[]): Promise<void> {
  const named = files.flatMap((file) => ['-f', file]);
  const applied = await kubectl(['apply', '--server-side', '--force-conflicts', '-o', 'name', ...named]);
  const crds = applied.split('\n').filter((name) => name.startsWith('customresourcedefinition.'));
  if (crds.length === 0) return;
  // `kubectl wait` fails at once on a CRD without conditions, and a large CRD has none for a moment.
  const established = () => kubectl(['wait', '--for=condition=Established', '--timeout=30s', ...crds]);
  await eventually(established, { within: 30_000 });
}

/** Installs small versions of the CRDs of Multus, KubeVirt and CloudNativePG: the named ones, or all. */
export async function installForeignCrds(
  kubectl: Kubectl,
  names: readonly (typeof FOREIGN_CRDS)[number][] = FOREIGN_CRDS,
): Promise<void> {
  await applyManifests(
    kubectl,
    names.map((name) => path.join(import.meta.dirname, 'crds', `${name}.yaml`)),
  );
}
