import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { isStillUsed, type WorkloadAddress } from '../live/live-address.ts';
import { collectEvidence, type EvidenceDeps } from '../observation/evidence.ts';
import { findGrant, isLimited } from '../observation/grant.ts';
import { byKey, isNew } from '../observation/known-observations.ts';
import { hasMirrorIn } from '../observation/mirror-proof.ts';
import { observeAddresses, type ObserveAddressesDeps, type SeenAddress } from '../observation/observe-addresses.ts';
import { adoptAddress } from './adopt.ts';
import type { BindDeps } from './bind.ts';

export type GrantOrObserveDeps = BindDeps & EvidenceDeps & ObserveAddressesDeps & Pick<Sources, 'allocations'>;

/** An address that an object uses and does not own. */
export interface ForeignAddress {
  readonly address: WorkloadAddress;
  readonly row: AddressRow | undefined;
  /** Whether another owner holds it, or it is set aside for a webhook. */
  readonly isHeld: boolean;
}

/**
 * Gives the addresses of one object to it that a proof allows, and observes the others. A held address is observed too, so
 * that it is not handed out when its owner releases it.
 */
export async function grantOrObserve(
  found: readonly ForeignAddress[],
  deps: GrantOrObserveDeps,
): Promise<'kept' | 'contested'> {
  const { groupedCalls, allocations, client } = deps;
  const evidence = await collectEvidence({ occasion: 'usual', isMirrored: hasMirrorIn(allocations) }, deps);
  const uid = found[0]?.address.owner.uid ?? '';
  const known = byKey(await groupedCalls.observationsOfObject(uid));
  const seen: SeenAddress[] = [];
  let contested = false;
  for (const { address, row, isHeld } of found) {
    const facts = await evidence.evidenceFor(address, row);
    const grant = isHeld ? undefined : findGrant(address, row, facts);
    if (grant !== undefined) contested = (await adoptAddress(address, grant, deps)) === 'contested' || contested;
    const item = { address, limited: isLimited(facts) };
    if (grant !== undefined || !isNew(item, known, deps)) continue;
    // Each kind has its own watch, so the release of an address may arrive before the deletion of its object.
    if (await isStillUsed(address, client)) seen.push(item);
  }
  await observeAddresses(seen, deps);
  return contested ? 'contested' : 'kept';
}
