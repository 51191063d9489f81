import { z } from 'zod';
import { isHeldForPod } from '../../api/mac-allocation.ts';
import { ANNOTATIONS, GROUP, VERSION } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { isNotFound } from '../../kube/client/errors.ts';
import { condition, objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { type MacAddress, parseMac } from '../../mac/mac-address.ts';
import type { AdmissionRefusal } from '../review/admission-review.ts';
import { malformed, unavailable } from '../review/refusal.ts';
import { LIVE_READ_MS } from '../watch/cached-get.ts';

/** A claim that holds an address for a pod or VM to use. */
export interface UsableClaim {
  readonly name: string;
  readonly pool: string;
  readonly mac: MacAddress;
  /** The claim's holder key in the ledger. */
  readonly key: string;
  /** The operator shows that the claim is held for a pod that vanished and may still run. */
  readonly isHeld?: boolean;
}

export type FoundClaim =
  | { readonly ok: true; readonly claim: UsableClaim }
  | {
      readonly ok: false;
      readonly refusal: AdmissionRefusal;
      /** The operator has not yet reported whether the claim gets an address. */
      readonly isBeingServed?: boolean;
    };

/** The name that the address of a sticky claim belongs to. */
export const stickyName = z.object({ kind: z.string(), name: z.string(), nic: z.string() });
export type StickyName = z.infer<typeof stickyName>;

const allocation = z.object({
  metadata: objectMeta,
  spec: z.object({ pool: z.string(), consumerRef: z.unknown().optional(), stickyFor: stickyName.optional() }),
  status: z.object({ mac: z.string().optional(), conditions: z.array(condition).optional() }).optional(),
});

export const allocations: Resource<z.infer<typeof allocation>> = {
  group: GROUP,
  version: VERSION,
  plural: 'macallocations',
  kind: 'MacAllocation',
  namespaced: true,
  schema: allocation,
};

/** Reads a claim from the API server, not from a cache: it may have been created just before the object that uses it. */
export async function findClaimByName(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { client, clusterId }: { readonly client: Pick<KubeClient, 'get'>; readonly clusterId: string },
): Promise<FoundClaim> {
  try {
    const options = { timeoutMs: LIVE_READ_MS, attempts: 1 };
    return checkUsable(await client.get(allocations, { namespace, name }, options), clusterId);
  } catch (error) {
    const quoted = JSON.stringify(name);
    if (error instanceof RangeError) {
      const message = `${quoted} cannot be the name of a MacAllocation.\nCorrect the annotation ${ANNOTATIONS.allocation}.`;
      return { ok: false, refusal: malformed(message) };
    }
    if (!isNotFound(error)) throw error;
    return notYet(`MacAllocation ${quoted} is not in namespace ${namespace}.\nCreate it, then try again.`);
  }
}

function checkUsable(found: z.infer<typeof allocation>, clusterId: string): FoundClaim {
  const { name, uid, deletionTimestamp } = found.metadata;
  if (showsAnother(found)) {
    const cause = `MacAllocation ${name} only shows the address of another object, and cannot be used.`;
    return { ok: false, refusal: malformed(`${cause}\nCreate a MacAllocation of your own and name that.`) };
  }
  if (deletionTimestamp !== undefined) {
    return notYet(`MacAllocation ${name} is being deleted.\nName another one, or create it again.`);
  }
  const ready = found.status?.conditions?.find(({ type }) => type === 'Ready');
  const mac = parseMac(found.status?.mac ?? '');
  if (!mac.ok || ready?.status !== 'True') {
    const { reason = 'Pending' } = ready ?? {};
    const isBeingServed = reason === 'Pending';
    return { ...notYet(`MacAllocation ${name} is not ready (${reason}).\nTry again when it is.`), isBeingServed };
  }
  const key = claimKey({ clusterId, uid });
  return { ok: true, claim: { name, pool: found.spec.pool, mac: mac.mac, key, isHeld: isHeldForPod(found.status) } };
}

/** Returns whether the operator made it to show the address of an object or of a name. */
function showsAnother({ spec: { consumerRef, stickyFor } }: z.infer<typeof allocation>): boolean {
  return consumerRef !== undefined || stickyFor !== undefined;
}

/** Returns the claim of this namespace that holds an address, or `undefined` if something else holds it, or nothing. */
export async function findClaimByAddress(
  mac: MacAddress,
  { namespace, clusterId, ledger }: { namespace: string; clusterId: string; ledger: Queryable },
): Promise<UsableClaim | undefined> {
  const row = await findByMac(ledger, mac);
  if (row === undefined || (row.state !== 'active' && row.state !== 'reserved')) return undefined;
  const { owner } = row;
  if (owner?.kind !== 'MacAllocation' || owner.clusterId !== clusterId || owner.namespace !== namespace) {
    return undefined;
  }
  return { name: owner.name, pool: row.pool, mac, key: row.key };
}

function notYet(message: string): Extract<FoundClaim, { readonly ok: false }> {
  return { ok: false, refusal: unavailable(message) };
}
