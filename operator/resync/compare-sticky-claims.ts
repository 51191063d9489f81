import { isStickyClaim } from '../../api/mac-allocation.ts';
import { findByHolderKeys } from '../../ledger/address/find.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { stickyAddressOf } from '../sticky/claim.ts';
import { inBatches } from './batches.ts';

/** Has each sticky claim reconciled that shows another address than the ledger holds for its name. */
export async function compareStickyClaims({
  allocations,
  stickyChanged,
  ledger,
  ...deps
}: Pick<OperatorDeps, 'ledger' | 'kinds' | 'clusterId'> &
  Pick<Sources, 'allocations' | 'stickyChanged'>): Promise<void> {
  const shown = allocations.list().flatMap((claim) => {
    const address = isStickyClaim(claim) ? stickyAddressOf(claim, deps) : undefined;
    return address === undefined ? [] : [{ metadata: claim.metadata, ...address }];
  });
  for (const batch of inBatches(shown)) {
    const rows = await findByHolderKeys(
      ledger,
      batch.map(({ key }) => key),
    );
    const held = new Map(rows.map(({ key, mac }) => [key, mac]));
    for (const { metadata, key, mac } of batch) {
      if (held.get(key) !== mac) stickyChanged.fire(metadata);
    }
  }
}
