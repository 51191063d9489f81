import { isDeepStrictEqual } from 'node:util';
import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import { isAlreadyExists, isNotFound } from '../../kube/client/errors.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { formatKey } from '../../kube/client/objects.ts';
import { mergePatch } from '../../kube/controller/merge-patch.ts';
import { deleteAllocation } from '../allocation/delete-allocation.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { eventSubjectOf } from '../live/workload.ts';
import { isNamespaceTerminatingError } from '../mirror/ensure.ts';
import { isFor, newStickyClaim, stickyForOf, type StickySubject } from './claim.ts';

export type EnsureStickyDeps = Pick<OperatorDeps, 'client' | 'events' | 'logger'> & Pick<Sources, 'allocations'>;

/**
 * The claim that shows the address; `undefined` if there cannot be one. `ending`: it is being deleted, and its own reconcile decides
 * what becomes of the address.
 */
export type EnsuredSticky = MacAllocation | 'ending' | undefined;

/**
 * Ensures the sticky claim of an address that a workload uses. Creates it, keeps it up to date, and replaces it if it shows another
 * address: the ledger decides.
 */
export async function ensureStickyClaim(subject: StickySubject, deps: EnsureStickyDeps): Promise<EnsuredSticky> {
  const { allocations, client, logger } = deps;
  const { namespace } = subject.workload.metadata;
  const key = { namespace, name: stickyClaimName(stickyForOf(subject)) };
  const cached = allocations.get(formatKey(key));
  if (cached !== undefined) return await updateClaim(subject, cached, deps);
  try {
    return await client.create(macAllocations, newStickyClaim(subject));
  } catch (error) {
    if (isAlreadyExists(error)) return await updateClaim(subject, await client.get(macAllocations, key), deps);
    if (!isNotFound(error) && !isNamespaceTerminatingError(error)) throw error;
    logger.info(key, 'no sticky claim created, because its namespace is being deleted');
    return undefined;
  }
}

async function updateClaim(
  subject: StickySubject,
  claim: MacAllocation,
  deps: EnsureStickyDeps,
): Promise<EnsuredSticky> {
  const { client } = deps;
  const wanted = stickyForOf(subject);
  if (!isFor(claim, wanted)) {
    reportStranger(subject, claim, deps);
    return undefined;
  }
  const { namespace, name, uid, deletionTimestamp } = claim.metadata;
  if (deletionTimestamp !== undefined) return 'ending';
  if (claim.spec.mac !== subject.row.mac || claim.spec.ledger?.clusterId !== subject.clusterId) {
    await deleteAllocation(claim.metadata, client);
    return 'ending';
  }
  const found = claim.spec.stickyFor ?? {};
  if (isDeepStrictEqual(found, wanted)) return claim;
  const body = { metadata: { uid }, spec: { stickyFor: mergePatch(found, wanted) } };
  return await client.patch(macAllocations, { namespace, name }, { type: 'merge', body });
}

/** Records an Event on a workload whose sticky claim cannot be created, because somebody else uses its name. */
function reportStranger(
  { workload, kind, nic, row }: StickySubject,
  { metadata }: MacAllocation,
  { events }: Pick<OperatorDeps, 'events'>,
): void {
  const note = `${row.mac} on interface ${nic} belongs to this name, but MacAllocation ${metadata.name} cannot show that: somebody else created it. The address stays. Delete that MacAllocation, or give it another name`;
  events.record(eventSubjectOf({ workload, kind }), {
    type: 'Warning',
    reason: 'StickyNameTaken',
    action: 'Show',
    note,
  });
}
