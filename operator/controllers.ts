import { ANNOTATIONS } from '../api/names.ts';
import { createController, type Controller, type ControllerOptions } from '../kube/controller/controller.ts';
import { formatKey, keyOf } from '../kube/client/objects.ts';
import { createReflector, type Reflector, type ReflectorOptions } from '../kube/controller/reflector.ts';
import type { Owner } from '../ledger/address/owner.ts';
import type { Workload, WorkloadKind } from './workload/workload.ts';
import { reconcileWorkload, type WorkloadReconcileDeps } from './workload/reconcile.ts';
import { reconcileClaim } from './claim/reconcile.ts';
import { reportConflict } from './workload/conflicts.ts';
import type { OperatorDeps } from './dependencies.ts';
import { releaseDeleted } from './workload/release-unmirrored.ts';
import { releaseDeletedClaim } from './claim/release-deleted.ts';
import { trimmedAllocations } from './allocation/trimmed-allocation.ts';
import { isMirror } from './mirror/mirror.ts';
import { reconcileMirror, type Mirrored } from './mirror/reconcile.ts';
import { runResync } from './resync/resync.ts';
import { reconcilePool } from './pool/reconcile.ts';
import { macPools, type MacAllocation, type MacPool } from '../kube/client/mac-resources.ts';

/** Reconciles at a time; most of each is waiting for the API server or the ledger. */
const CONCURRENCY = 8;

/** The longest wait is also how long after an outage the last object is right again. */
const BACKOFF = { baseMs: 50, maxMs: 15_000 };

/** The one key of the resync, which looks at everything. */
const RESYNC = 'pass';

/** The copies that are kept and the controllers that act on them, wired to each other and not started. */
export interface Controllers {
  readonly controllers: readonly Controller[];
  readonly reflectors: readonly Pick<Reflector<MacAllocation>, 'start' | 'stop' | 'hasSynced'>[];
  readonly pools: Pick<Reflector<MacPool>, 'list'>;
  readonly wakeClaim: (claim: Owner) => void;
}

export function createControllers(context: OperatorDeps): Controllers {
  const { client, logger, metrics } = context;
  const common = { logger, concurrency: CONCURRENCY, metrics: metrics.controller, backoff: BACKOFF };
  const read = { client, logger, metrics: metrics.reflector };

  const allocations = createReflector({
    ...read,
    resource: trimmedAllocations(),
    indexes: { consumer: consumerUids, pool: ({ spec }) => [spec.pool] },
    onChange: ({ type, object }) => {
      wake(object);
      // A mirror that somebody deleted by hand is made again while its object lives.
      const { consumerRef } = object.spec;
      if (type !== 'deleted' || consumerRef === undefined) return;
      const { namespace } = object.metadata;
      workloads.get(consumerRef.kind)?.controller.enqueue(identityKey({ ...consumerRef, namespace }));
    },
  });
  const pools = createReflector({
    ...read,
    resource: macPools,
    onChange: ({ object, before }) => {
      poolController.enqueue(keyOf(object));
      const approved = object.metadata.annotations?.[ANNOTATIONS.approveRelease];
      if (approved !== before?.metadata.annotations?.[ANNOTATIONS.approveRelease]) resync.enqueue(RESYNC);
      // What a claim waits for may have come: a pool that was missing, paused or full.
      for (const claim of allocations.by('pool', object.metadata.name)) {
        if (!isMirror(claim) && claim.status?.mac === undefined) wake(claim);
      }
    },
  });
  const wake = (allocation: MacAllocation): void => {
    if (isMirror(allocation)) mirrors.enqueue(keyOf(allocation));
    else claims.enqueue(identityKey(allocation.metadata));
  };
  const wakeUsers = (uid: string): MacAllocation[] => {
    const users = allocations.by('consumer', uid);
    for (const user of users) wake(user);
    return users;
  };
  const wakeClaim = ({ namespace, name, uid }: Owner): void => {
    if (uid !== undefined) claims.enqueue(identityKey({ namespace, name, uid }));
  };
  const world: WorkloadReconcileDeps = {
    allocation: (key) => allocations.get(key),
    claimChanged: wakeClaim,
    conflict: (workload, kind, address, row) => {
      reportConflict(workload, kind, address, row, context);
    },
  };
  const workloads = new Map(
    context.kinds.map((kind) => [kind.resource.kind, followKind(kind, { common, read, world, wakeUsers, context })]),
  );
  const isSeenOn = ({ kind, namespace, consumer: { name, uid }, mac }: Mirrored): boolean => {
    const workload = workloads.get(kind.resource.kind)?.copy.get(formatKey({ namespace, name }));
    return workload?.metadata.uid === uid && workload.observed.includes(mac);
  };

  const claims = createController({
    ...common,
    name: 'claim',
    reconcile: async (key) => {
      const identity = parseIdentityKey(key);
      const claim = allocations.get(formatKey(identity));
      if (claim?.metadata.uid !== identity.uid) return await releaseDeletedClaim(identity, context);
      return await reconcileClaim(claim, context);
    },
  });
  const mirrors = createController({
    ...common,
    name: 'mirror',
    reconcile: async (key) => {
      const mirror = allocations.get(key);
      return mirror === undefined ? undefined : await reconcileMirror(mirror, isSeenOn, context);
    },
  });
  const poolController = createController({
    ...common,
    name: 'pool',
    reconcile: async (key) => {
      const pool = pools.get(key);
      return pool === undefined ? undefined : await reconcilePool(pool, context);
    },
  });
  const resync = createController({
    ...common,
    concurrency: 1,
    name: RESYNC,
    backoff: { baseMs: 1_000, maxMs: context.resyncEveryMs },
    reconcile: async () => {
      await runResync(
        {
          allocations: () => allocations.list(),
          pools: () => pools.list(),
          copyOf: ({ kind, workload }) => workloads.get(kind.resource.kind)?.copy.get(keyOf(workload)),
          wake: ({ kind, workload }) => {
            workloads.get(kind.resource.kind)?.controller.enqueue(identityKey(workload.metadata));
          },
        },
        context,
      );
      return { requeueAfterMs: context.resyncEveryMs };
    },
  });
  resync.enqueue(RESYNC);
  const followed = [...workloads.values()];
  return {
    controllers: [claims, mirrors, poolController, resync, ...followed.map(({ controller }) => controller)],
    reflectors: [allocations, pools, ...followed.map(({ copy }) => copy)],
    pools,
    wakeClaim,
  };
}

interface Following {
  /** Of all controllers, and of all copies. */
  readonly common: Omit<ControllerOptions, 'name' | 'reconcile'>;
  readonly read: Pick<ReflectorOptions<Workload>, 'client' | 'logger' | 'metrics'>;
  readonly context: OperatorDeps;
  readonly world: WorkloadReconcileDeps;
  /** Looks again at the mirrors and claims whose address this object carries; answers them. */
  readonly wakeUsers: (uid: string) => readonly MacAllocation[];
}

/** Keeps a copy of all workloads of one kind, and brings the ledger to what they carry. */
function followKind(kind: WorkloadKind, { common, read, context, world, wakeUsers }: Following) {
  const copy: Reflector<Workload> = createReflector({
    ...read,
    resource: kind.resource,
    optional: kind.optional,
    keep: ({ nics }) => nics.length > 0,
    onChange: ({ object: { metadata } }) => {
      controller.enqueue(identityKey(metadata));
    },
  });
  const controller: Controller = createController({
    ...common,
    name: kind.resource.kind.toLowerCase(),
    reconcile: async (key) => {
      const identity = parseIdentityKey(key);
      const users = wakeUsers(identity.uid);
      const workload = copy.get(formatKey(identity));
      if (workload?.metadata.uid === identity.uid) return await reconcileWorkload(workload, kind, world, context);
      if (users.length === 0) await releaseDeleted(identity, kind, context);
      return undefined;
    },
  });
  return { copy, controller };
}

/** The uid is part of the key: an object and its successor of the same name are two matters. */
function identityKey({
  namespace = '',
  name,
  uid,
}: {
  namespace?: string | undefined;
  name: string;
  uid: string;
}): string {
  return `${namespace}/${name}/${uid}`;
}

function parseIdentityKey(key: string): { namespace: string; name: string; uid: string } {
  const [namespace = '', name = '', uid = ''] = key.split('/');
  return { namespace, name, uid };
}

/** Whoever carries the address of a mirror, or uses a claim. */
function consumerUids({ spec, status }: MacAllocation): string[] {
  const uid = spec.consumerRef?.uid ?? status?.consumer?.uid;
  return uid === undefined ? [] : [uid];
}
