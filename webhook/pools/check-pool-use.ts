import { z } from 'zod';
import { GROUP } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { reviewAccess } from '../../kube/client/reviews.ts';
import { ADMISSION_OUTCOMES } from '../../ledger/outcomes.ts';
import type { AddressRequest, ChosenPool } from '../plan/plan.ts';
import type { AdmissionRefusal, AdmissionRequest, AdmissionUser } from '../review/admission-review.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { refusalOf, unavailable } from '../review/refusal.ts';
import { LIVE_READ_MS } from '../watch/cached-get.ts';

/** Returns whether a user has the verb `use` on a pool in a namespace. */
export type MayUsePool = (user: AdmissionUser, pool: string, namespace: string) => Promise<boolean>;

export function createPoolUseCheck(client: Pick<KubeClient, 'raw'>): MayUsePool {
  return async ({ username, uid = '', groups = [], extra = {} }, pool, namespace) => {
    const access = { verb: 'use', group: GROUP, resource: 'macpools', name: pool, namespace };
    const options = { timeoutMs: LIVE_READ_MS, attempts: 1 };
    return (await reviewAccess(client, { username, uid, groups, extra }, access, options)).allowed;
  };
}

/** Who may have the right to a pool that the annotation of an object names. */
export interface PoolUsers {
  readonly namespace: string;
  readonly users: readonly AdmissionUser[];
  /** The pools that its author was allowed to use when the object began to wait for the ledger. */
  readonly allowedBefore: readonly string[];
}

/**
 * Returns who may grant a pool to an object: its author, and for a pod its ServiceAccount. The pods of a Deployment are created by a
 * controller, which has no rights. Whoever may create a pod in the namespace may run it with that ServiceAccount, and could create a
 * claim with its token. So its rights are those of the authors of pods.
 */
export function usersOf(
  author: AdmissionUser,
  { kind, namespace }: Pick<AdmittedObject, 'kind' | 'namespace'>,
  object: NonNullable<AdmissionRequest['object']>,
): readonly AdmissionUser[] {
  if (kind !== 'Pod') return [author];
  const name = podSpec.safeParse(object['spec']).data?.serviceAccountName ?? '';
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
  return [author, { username: `system:serviceaccount:${namespace}:${name === '' ? 'default' : name}`, groups }];
}

const podSpec = z.object({ serviceAccountName: z.string().nullish() });

/** Refuses an object that asks for addresses of a pool which nobody has granted to it. */
export async function refusePools(
  requests: readonly AddressRequest[],
  users: PoolUsers,
  mayUse: MayUsePool,
): Promise<AdmissionRefusal | undefined> {
  const asked = new Map(requests.flatMap(({ pool }) => (needsUse(pool, users) ? [[pool.name, pool] as const] : [])));
  const { namespace } = users;
  try {
    const refused = await Promise.all(
      [...asked.values()].map(async ({ name: pool, namedBy: poolNamedBy }) => {
        const allowed = await Promise.all(users.users.map((user) => mayUse(user, pool, namespace)));
        return allowed.includes(true)
          ? undefined
          : refusalOf(ADMISSION_OUTCOMES.pool_not_granted, { pool, poolNamedBy, namespace });
      }),
    );
    return refused.find((refusal) => refusal !== undefined);
  } catch (error) {
    const cause = `It could not be checked whether this object may use pool ${[...asked.keys()].join(', ')}.`;
    return { ...unavailable(`${cause}\nTry again.`), ...(error instanceof Error && { cause: error }) };
  }
}

function needsUse(pool: ChosenPool | undefined, { allowedBefore }: PoolUsers): pool is ChosenPool {
  return pool !== undefined && !pool.isGranted && !allowedBefore.includes(pool.name);
}

/**
 * Returns the pools that were named for an object and that it may use. Also those that somebody else granted: while it waits, the
 * annotation of the namespace may change.
 */
export function allowedPools(requests: readonly AddressRequest[]): readonly string[] {
  return [...new Set(requests.flatMap(({ pool }) => (pool === undefined ? [] : [pool.name])))];
}
