import { GROUP } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { reviewAccess } from '../../kube/client/reviews.ts';
import type { Holder } from '../../ledger/address/owner.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { rangeContains } from '../../mac/mac-range.ts';
import type { AddressRequest } from '../plan/plan.ts';
import type { AdmissionRefusal, AdmissionUser } from '../review/admission-review.ts';
import { within } from '../review/deadline.ts';
import { refuseAllocation, type RefusedResult } from './refuse-allocation.ts';

/** Limits each look-up for an explanation: the API server waits for the response meanwhile. */
const LOOKUP_MS = 300;

export interface RefusedRequest {
  readonly request: AddressRequest;
  readonly pool: string;
  /** What named the pool. Absent: the installation did. */
  readonly poolNamedBy?: string | undefined;
  readonly namespace: string;
  /** Who reads the refusal. Absent if others read it too. */
  readonly requester: AdmissionUser | undefined;
}

/** Returns the refusal of an address, with the details that its requester may know. */
export type ExplainRefusal = (result: RefusedResult, refused: RefusedRequest) => Promise<AdmissionRefusal>;

export function createRefusalExplainer(deps: {
  readonly client: Pick<KubeClient, 'raw'>;
  readonly ledger: Queryable;
  readonly clusterId: string;
  /** Whether a review certainly comes from the API server. Otherwise its sender may have made up the requester. */
  readonly knowsCallers: boolean;
}): ExplainRefusal {
  const { client, ledger, clusterId, knowsCallers } = deps;

  /** Returns whether a requester may list the MacAllocations of a namespace, and so see the names in them. */
  async function mayList(namespace: string, requester: AdmissionUser | undefined): Promise<boolean> {
    if (!knowsCallers || requester === undefined) return false;
    const access = { verb: 'list', group: GROUP, resource: 'macallocations', namespace };
    const { username, uid = '', groups = [], extra = {} } = requester;
    const { allowed } = await reviewAccess(client, { username, uid, groups, extra }, access, {
      timeoutMs: LOOKUP_MS,
      attempts: 1,
    });
    return allowed;
  }

  /** Names the holder to a requester who may see its MacAllocation. A webhook is in no namespace of users. */
  async function nameOfHolder({ owner }: Holder, requester: AdmissionUser | undefined): Promise<string | undefined> {
    if (owner === undefined || owner.clusterId !== clusterId || owner.name === '' || owner.namespace === '')
      return undefined;
    const isSeen = await mayList(owner.namespace, requester);
    return isSeen ? `${owner.kind} ${owner.namespace}/${owner.name}` : undefined;
  }

  async function findPoolOf(mac: MacAddress): Promise<string | null> {
    return (await listPools(ledger)).find((pool) => rangeContains(pool, mac))?.name ?? null;
  }

  return async (result, { requester, ...context }) => {
    const { request, namespace } = context;
    if (result.outcome === 'in_use') {
      const holder = await orUndefined(nameOfHolder(result.holder, requester));
      return refuseAllocation(result, { ...context, holder });
    }
    if (result.outcome === 'consumer_unreachable') {
      // The sticky claim names the node in a condition.
      const isSeen = (await orUndefined(mayList(namespace, requester))) === true;
      return refuseAllocation(result, { ...context, node: isSeen ? result.node : undefined });
    }
    if (result.outcome === 'out_of_range' && request.requested !== undefined) {
      const otherPool = await orUndefined(findPoolOf(request.requested));
      return refuseAllocation(result, { ...context, otherPool });
    }
    return refuseAllocation(result, context);
  };
}

/** Returns `undefined` for a look-up that fails or takes too long: the refusal is certain, only a detail is missing. */
async function orUndefined<T>(lookup: Promise<T>): Promise<T | undefined> {
  try {
    return await within(LOOKUP_MS, lookup);
  } catch {
    return undefined;
  }
}
