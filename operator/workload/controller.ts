import { isDeepStrictEqual } from 'node:util';
import type { Nic } from '../../api/nic.ts';
import { formatKey, keyOf } from '../../kube/client/objects.ts';
import type { Change } from '../../kube/controller/object-cache.ts';
import { type ControllerSpec, GROUPED_CONCURRENCY, watch } from '../controller/controller-spec.ts';
import { identityKey, parseIdentityKey } from '../controller/identity-key.ts';
import type { CachedWorkloads, Sources } from '../controller/operator-sources.ts';
import { instances, machines } from '../live/kubevirt-kinds.ts';
import type { Workload } from '../live/workload.ts';
import { type EndedWorkloadDeps, recordStickyEnd } from '../sticky/ended-workload.ts';
import { reconcileWorkload, type WorkloadDeps } from './reconcile.ts';
import { releaseUnmirrored, type ReleaseUnmirroredDeps } from './release-unmirrored.ts';

/** Declares the controller of one kind of workload. */
export function workloadController(
  { kind, cache }: CachedWorkloads,
  deps: WorkloadDeps &
    ReleaseUnmirroredDeps &
    EndedWorkloadDeps &
    Pick<Sources, 'allocations' | 'networks' | 'workloads' | 'workloadChanged' | 'workloadOutOfSync'>,
): ControllerSpec {
  const { allocations, networks, scope, workloads, workloadChanged, workloadOutOfSync } = deps;
  const { kind: kindName } = kind.resource;
  const withInterface = (holds: (nic: Nic) => boolean) =>
    cache
      .list()
      .filter(({ nics }) => nics.some(holds))
      .map(({ metadata }) => identityKey(metadata));
  return {
    name: kindName.toLowerCase(),
    concurrency: GROUPED_CONCURRENCY,
    watches: [
      watch(cache, (change) => (isOfNoConcern(change) ? [] : [identityKey(change.object.metadata)])),
      ...(kindName === machines.kind ? instancesOfMachines(workloads) : []),
      // A deleted mirror or sticky claim is created again while its object exists. Most are deleted after their object, and are done.
      watch(allocations, ({ type, object: { metadata, spec } }) => {
        const shown = spec.consumerRef ?? spec.stickyFor;
        if (type !== 'deleted' || shown?.kind !== kindName) return [];
        const found = cache.get(formatKey({ namespace: metadata.namespace, name: shown.name }))?.metadata;
        return found === undefined || (spec.consumerRef?.uid ?? found.uid) !== found.uid ? [] : [identityKey(found)];
      }),
      // Observations record the segments of their networks.
      watch(networks, ({ type, object, before }) =>
        type === 'resync' || object.segment === before?.segment
          ? []
          : withInterface(({ network, mac }) => network === keyOf(object) && !scope.isOurs(mac)),
      ),
      // An interface with another address than it was given may be right now, or wrong now.
      watch(networks, ({ type, object, before }) =>
        type === 'resync' || object.ignoresAddresses === before?.ignoresAddresses
          ? []
          : withInterface(({ network, actualMac }) => network === keyOf(object) && actualMac !== undefined),
      ),
      watch(workloadOutOfSync, (live) =>
        live.kind.resource.kind === kindName ? [identityKey(live.workload.metadata)] : [],
      ),
    ],
    reconcile: async (key) => {
      const identity = parseIdentityKey(key);
      workloadChanged.fire(identity.uid);
      const workload = cache.get(formatKey(identity));
      const isLive = workload?.metadata.uid === identity.uid && hasAddresses(workload);
      if (isLive) return await reconcileWorkload(workload, kind, deps);
      const hasMirrorOrClaim = allocations.by('consumer', identity.uid).length > 0;
      if (!hasMirrorOrClaim) await releaseUnmirrored(identity, kind, deps);
      await recordStickyEnd(identity, kind, deps);
      return undefined;
    },
  };
}

/**
 * Watches the instances of machines, which report whether their machine runs, and that an interface of it has another address. Everybody
 * can write an owner reference, so only a machine that exists is looked at. One that appears later is looked at then.
 */
function instancesOfMachines(workloads: Sources['workloads']) {
  return [...workloads.values()]
    .filter(({ kind }) => kind.resource.kind === instances.kind)
    .map(({ cache }) =>
      watch(cache, ({ type, object, before }) => {
        const runsFor = object.runsFor ?? before?.runsFor;
        const isKnown = isDeepStrictEqual(reportOf(type === 'deleted' ? undefined : object), reportOf(before));
        if (runsFor === undefined || isKnown) return [];
        const identity = { ...object.metadata, ...runsFor };
        const machine = workloads.get(machines.kind)?.cache.get(formatKey(identity));
        return machine?.metadata.uid === runsFor.uid ? [identityKey(identity)] : [];
      }),
    );
}

function reportOf({ nicsOfOwner = [], onWire }: Pick<Workload, 'nicsOfOwner' | 'onWire'> = {}): unknown {
  const actualMacs = nicsOfOwner.flatMap(({ mac, actualMac }) => (actualMac === undefined ? [] : [[mac, actualMac]]));
  return { actualMacs, onWire };
}

/** An object that is cached only for what it reports, such as the instance of a machine, has nothing to reconcile. */
function hasAddresses({ nics, gate }: Workload): boolean {
  return nics.length > 0 || gate !== undefined;
}

/** A pod is updated many times in its life, mostly by status reports that do not concern its addresses. */
function isOfNoConcern({ type, object, before }: Change<Workload>): boolean {
  if (!hasAddresses(object) && (before === undefined || !hasAddresses(before))) return true;
  return type === 'updated' && isDeepStrictEqual(withoutVersion(object), withoutVersion(before));
}

/** Leaves out the node too, and that an interface has the right address: only the claim that a pod uses shows these. */
function withoutVersion(workload: Workload | undefined): unknown {
  if (workload === undefined) return undefined;
  const { runsOn, nics, ...rest } = workload;
  return {
    ...rest,
    nics: nics.map(({ isSeen, ...nic }) => nic),
    metadata: { ...workload.metadata, resourceVersion: '' },
  };
}
