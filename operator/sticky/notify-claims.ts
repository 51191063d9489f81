import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { Sources } from '../controller/operator-sources.ts';

/** Has the sticky claims of these rows reconciled, because the rows have changed. */
export function notifyClaims(
  rows: readonly Pick<AddressRow, 'owner'>[],
  { stickyChanged }: Pick<Sources, 'stickyChanged'>,
): void {
  for (const { owner } of rows) {
    if (owner !== undefined) stickyChanged.fire({ namespace: owner.namespace, name: stickyClaimName(owner) });
  }
}
