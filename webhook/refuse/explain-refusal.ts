import type { KubeClient } from '../../kube/client/client.ts';
import { GROUP } from '../../api/names.ts';
import { reviewAccess } from '../../kube/client/reviews.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import type { Holder } from '../../ledger/address/owner.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { rangeContains } from '../../mac/mac-range.ts';
import type { AdmissionUser, Refusal } from '../server/admission-review.ts';
import { explainOutcome, type RefusedResult } from './refuse-allocation.ts';
import type { PlannedNic } from '../plan/plan.ts';
import { within } from '../server/deadline.ts';

/** An explanation is worth this much of the API server's patience, and no more. */
const EXPLANATION_MS = 300;

/** Who is refused, and where. */
interface Refused {
  readonly namespace: string;
  readonly requester: AdmissionUser;
}

/** Explains why an address is refused, with what the one who asks may know. */
export interface Explainer {
  explain(answer: RefusedResult, nic: PlannedNic, pool: string, refused: Refused): Promise<Refusal>;
}

export function createExplainer(options: {
  readonly client: Pick<KubeClient, 'raw'>;
  readonly ledger: Queryable;
  readonly clusterId: string;
}): Explainer {
  const { client, ledger, clusterId } = options;

  /** Names are told to who may read the MacAllocations beside the holder, which say the same. */
  async function nameOf({ owner }: Holder, waiter: AdmissionUser): Promise<string | undefined> {
    if (owner === undefined || owner.clusterId !== clusterId || owner.name === '') return undefined;
    const access = { verb: 'list', group: GROUP, resource: 'macallocations', namespace: owner.namespace };
    const { username, uid = '', groups = [], extra = {} } = waiter;
    const { allowed } = await reviewAccess(client, { username, uid, groups, extra }, access, {
      timeoutMs: EXPLANATION_MS,
      attempts: 1,
    });
    return allowed ? `${owner.kind} ${owner.namespace}/${owner.name}` : undefined;
  }

  async function poolAround(mac: MacAddress): Promise<string | undefined> {
    return (await listPools(ledger)).find((pool) => rangeContains(pool, mac))?.name;
  }

  return {
    explain: async (answer, nic, pool, { namespace, requester }) => {
      const facts = { nic, namespace, pool };
      const { requested } = nic;
      if (answer.outcome === 'in_use') {
        return explainOutcome(answer, { ...facts, holder: await orUnknown(nameOf(answer.holder, requester)) });
      }
      if (answer.outcome === 'out_of_range' && requested !== undefined) {
        return explainOutcome(answer, { ...facts, otherPool: await orUnknown(poolAround(requested)) });
      }
      return explainOutcome(answer, facts);
    },
  };
}

/** The refusal is sure, only its ornament is missing. */
async function orUnknown(asking: Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await within(EXPLANATION_MS, asking);
  } catch {
    return undefined;
  }
}
