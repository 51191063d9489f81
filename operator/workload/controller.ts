import { formatKey } from '../../kube/client/objects.ts';
import type { MacPrefix } from '../../mac/mac-range.ts';
import { watch, type ControllerSpec } from '../wiring/controller-spec.ts';
import { identityKey, parseIdentityKey } from '../wiring/identity-key.ts';
import type { CachedWorkloads, Sources } from '../wiring/operator-sources.ts';
import { podWorkload } from './pod.ts';
import { reconcileWorkload, type WorkloadDeps } from './reconcile.ts';
import { releaseUnmirrored, type ReleaseUnmirroredDeps } from './release-unmirrored.ts';
import { virtualMachineInstanceWorkload } from './virtual-machine-instance.ts';
import { virtualMachineWorkload } from './virtual-machine.ts';
import type { WorkloadKind } from './workload.ts';

/** Returns every kind of object that can use an address of ours. To add a kind, write its file and add it here. */
export function workloadKinds(prefix: MacPrefix): readonly WorkloadKind[] {
  return [podWorkload(prefix), virtualMachineWorkload(prefix), virtualMachineInstanceWorkload(prefix)];
}

/** Declares the controller of one kind of workload. */
export function workloadController(
  { kind, cache }: CachedWorkloads,
  deps: WorkloadDeps & ReleaseUnmirroredDeps & Pick<Sources, 'allocations' | 'workloadChanged' | 'workloadOutOfSync'>,
): ControllerSpec {
  const { allocations, workloadChanged, workloadOutOfSync } = deps;
  const { kind: kindName } = kind.resource;
  return {
    name: kindName.toLowerCase(),
    watches: [
      watch(cache, ({ object }) => [identityKey(object.metadata)]),
      // A deleted mirror is created again while its object exists.
      watch(allocations, ({ type, object: { metadata, spec } }) => {
        const { consumerRef } = spec;
        if (type !== 'deleted' || consumerRef?.kind !== kindName) return [];
        return [identityKey({ ...consumerRef, namespace: metadata.namespace })];
      }),
      watch(workloadOutOfSync, (live) =>
        live.kind.resource.kind === kindName ? [identityKey(live.workload.metadata)] : [],
      ),
    ],
    reconcile: async (key) => {
      const identity = parseIdentityKey(key);
      workloadChanged.fire(identity.uid);
      const workload = cache.get(formatKey(identity));
      if (workload?.metadata.uid === identity.uid) return await reconcileWorkload(workload, kind, deps);
      const hasMirrorOrClaim = allocations.by('consumer', identity.uid).length > 0;
      if (!hasMirrorOrClaim) await releaseUnmirrored(identity, kind, deps);
      return undefined;
    },
  };
}
