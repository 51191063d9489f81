import { ANNOTATIONS } from '../../api/names.ts';
import type { AddressRequest, Plan } from '../plan/plan.ts';
import { poolOfMachine } from '../plan/plan-vm.ts';
import type { AdmissionRefusal, AdmissionRequest } from '../review/admission-review.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { unavailable } from '../review/refusal.ts';
import type { NamespaceTerms } from '../watch/namespaces.ts';
import type { Networks } from '../watch/networks.ts';
import { choosePools, networkKey } from './choose-pools.ts';

/** An object under review. */
interface PoolReview extends Pick<AdmittedObject, 'kind' | 'namespace'> {
  readonly request: Pick<AdmissionRequest, 'oldObject'>;
  readonly object: NonNullable<AdmissionRequest['object']>;
}

export type FoundPools =
  | { readonly ok: true; readonly requests: readonly AddressRequest[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly refusal: AdmissionRefusal };

/**
 * Returns the requests of a plan with the pools that annotations name for them. Claims that are selected have their addresses. A
 * network that cannot be read now may name a pool, so its objects are refused for now: an address of another pool would stay.
 */
export async function findPools(
  { addressRequests, networks, selector }: Pick<Plan, 'addressRequests' | 'networks' | 'selector'>,
  terms: Pick<NamespaceTerms, 'pool'>,
  review: PoolReview,
  findNetworks: Networks['find'],
): Promise<FoundPools> {
  if (selector !== undefined) return { ok: true, requests: addressRequests, warnings: [] };
  const { kind, namespace } = review;
  const ofObject = poolOfObject(review);
  const ofNetworks = new Map<string, string>();
  const warnings: string[] = [];
  if (ofObject === '') {
    const asked = addressRequests.filter(({ claim }) => claim === undefined);
    const names = new Set(
      asked.flatMap(({ nic }) => networks.get(nic) ?? []).map((name) => networkKey(name, namespace)),
    );
    const found = await findNetworks([...names]);
    for (const name of names) {
      const { support, pool, isPoolUnknown } = found.get(name) ?? {};
      if (isPoolUnknown === true) return { ok: false, refusal: unavailable(unread(name)) };
      if (pool !== undefined) ofNetworks.set(name, pool);
      // A pod has a warning of its own, since the network may not take the address either.
      if (support === 'missing' && kind !== 'Pod') warnings.push(missing(name));
    }
  }
  const isOfObjectGranted = isStoredInMachine(review, ofObject);
  const sources = { kind, namespace, ofObject, isOfObjectGranted, ofNetworks, terms };
  return { ok: true, requests: choosePools(addressRequests, networks, sources), warnings };
}

function unread(network: string): string {
  return `Network ${network} could not be read in time, so it is not known from which pool its addresses are.\nTry again.`;
}

function missing(network: string): string {
  return `rock-mac: network ${network} does not exist yet, so the address on it is of the pool of the namespace`;
}

/**
 * Returns whether a stored machine names the pool already. Whoever starts a machine is often not who annotated it: KubeVirt starts it
 * under its own account. The policy in api/workload-pools-policy.ts has asked the author of the annotation.
 */
function isStoredInMachine({ kind, request: { oldObject } }: PoolReview, pool: string): boolean {
  return kind === 'VirtualMachine' && oldObject?.metadata?.annotations?.[ANNOTATIONS.pool] === pool;
}

/** Returns the pool that the author of an object named for all its interfaces; empty without one. */
function poolOfObject({ kind, request: { oldObject }, object }: PoolReview): string {
  const isNew = oldObject === null || oldObject === undefined;
  return (kind === 'Pod' ? object.metadata?.annotations?.[ANNOTATIONS.pool] : poolOfMachine(object, { isNew })) ?? '';
}
