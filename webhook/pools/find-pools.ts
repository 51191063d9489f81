import { ANNOTATIONS } from '../../api/names.ts';
import type { AddressRequest, Plan } from '../plan/plan.ts';
import { poolOfMachine } from '../plan/plan-vm.ts';
import type { AdmissionRequest } from '../review/admission-review.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import type { NamespaceTerms } from '../watch/namespaces.ts';
import type { Networks } from '../watch/networks.ts';
import { choosePools, networkKey } from './choose-pools.ts';

/** An object under review. */
interface PoolReview extends Pick<AdmittedObject, 'kind' | 'namespace'> {
  readonly request: Pick<AdmissionRequest, 'oldObject'>;
  readonly object: NonNullable<AdmissionRequest['object']>;
}

/** Returns the requests of a plan with the pools that annotations name for them. Claims that are selected have their addresses. */
export async function findPools(
  { addressRequests, networks, selector }: Pick<Plan, 'addressRequests' | 'networks' | 'selector'>,
  terms: NamespaceTerms,
  review: PoolReview,
  findNetworks: Networks['find'],
): Promise<readonly AddressRequest[]> {
  if (selector !== undefined) return addressRequests;
  const { kind, namespace } = review;
  const ofObject = poolOfObject(review);
  const ofNetworks = new Map<string, string>();
  if (ofObject === '') {
    const names = addressRequests.flatMap(({ nic }) => networks.get(nic) ?? []);
    const found = await findNetworks(names.map((name) => networkKey(name, namespace)));
    for (const [name, { pool }] of found) if (pool !== undefined) ofNetworks.set(name, pool);
  }
  return choosePools(addressRequests, networks, { kind, namespace, ofObject, ofNetworks, terms });
}

/** Returns the pool that the author of an object named for all its interfaces; empty without one. */
function poolOfObject({ kind, request: { oldObject }, object }: PoolReview): string {
  const isNew = oldObject === null || oldObject === undefined;
  return (kind === 'Pod' ? object.metadata?.annotations?.[ANNOTATIONS.pool] : poolOfMachine(object, { isNew })) ?? '';
}
