import { isDeepStrictEqual } from 'node:util';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { type Sources, stickyIndex } from '../controller/operator-sources.ts';
import type { LiveAddress } from '../live/live-address.ts';
import { stickyAddressOf } from './claim.ts';
import { readoptSticky } from './lost.ts';

export type ReadoptOfWorkloadDeps = Pick<OperatorDeps, 'ledger' | 'kinds' | 'clusterId' | 'actor' | 'logger'> &
  Pick<Sources, 'allocations'>;

/**
 * Records an address of an object again that the ledger has lost, if a sticky claim proves that it belongs to the object's name. Returns
 * whether the ledger has it now.
 */
export async function readoptOfWorkload({ mac, owner }: LiveAddress, deps: ReadoptOfWorkloadDeps): Promise<boolean> {
  const { uid: _, ...named } = owner;
  for (const claim of deps.allocations.by('sticky', stickyIndex(owner))) {
    const shown = stickyAddressOf(claim, deps);
    if (shown?.mac === mac && isDeepStrictEqual(shown.owner, named)) return await readoptSticky(claim, deps);
  }
  return false;
}
