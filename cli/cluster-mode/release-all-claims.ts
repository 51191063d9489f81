import { isClaim } from '../../api/mac-allocation.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import type { Address, ListQuery, Releasable, ReleaseOptions, Releases } from '../backend.ts';
import { refuseChangedHolder } from '../changed-holder.ts';
import { matchesQuery } from '../matches-query.ts';
import { addressOfAllocation } from './address-of-allocation.ts';
import { selectionOf } from './list-addresses.ts';
import { releaseClaims } from './release-claims.ts';
import type { Scope } from './scope.ts';

/** Returns the addresses of the claims that fit a query and that nothing uses. Mirrors and sticky claims belong to their objects. */
export async function findReleasable(query: ListQuery, scope: Scope): Promise<Releasable> {
  const { items } = await scope.client.list(macAllocations, selectionOf(query, scope));
  const fitting = items.flatMap((claim) => {
    const address = addressOfAllocation(claim);
    return address !== undefined && matchesQuery(address, query) ? [{ claim, address }] : [];
  });
  const releasable = fitting.filter(({ claim }) => isClaim(claim) && claim.status?.consumer === undefined);
  return { addresses: releasable.map(({ address }) => address), left: fitting.length - releasable.length };
}

/** Deletes the claims of addresses that still have them, and waits until the ledger has released them. */
export async function releaseSeen(
  seen: readonly Address[],
  options: Omit<ReleaseOptions, 'generation'>,
  scope: Scope,
): Promise<Releases> {
  const found = await Promise.all(seen.map(async (address) => ({ address, claim: await findAgain(address, scope) })));
  const kept = found.flatMap(({ address, claim }) => {
    const now = claim && addressOfAllocation(claim);
    const refusal = now && refuseChangedHolder(now, address.generation);
    return refusal === undefined ? [] : [{ address, refusal }];
  });
  const changed = new Set(kept.map(({ address }) => address));
  const claims = found.flatMap(({ address, claim }) => (claim === undefined || changed.has(address) ? [] : [claim]));
  const done = await releaseClaims(claims, options, scope);
  return { ...done, kept: [...kept, ...done.kept] };
}

/** Returns the claim that shows an address, if it is the one that was seen. */
async function findAgain({ owner }: Address, { client }: Scope): Promise<MacAllocation | undefined> {
  if (owner === undefined) return undefined;
  const { namespace, name } = owner;
  const claim = await client.find(macAllocations, { namespace, name });
  return claim?.metadata.uid === owner.uid ? claim : undefined;
}
