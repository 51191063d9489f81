import type { AddressRow } from '../../ledger/address/address-row.ts';
import { renew } from '../../ledger/address/renew.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { type AddressView, addressView } from '../../ledger/view/address-view.ts';
import type { CommandResult, RenewOptions } from '../backend.ts';
import { refuseChangedHolder } from '../changed-holder.ts';
import { commandRefusal } from '../errors.ts';
import { qualifiedName } from '../output/address-list.ts';

/**
 * Moves the expiry of addresses that devices hold. Returns them with the new expiry, or without one if they never
 * expire. Refuses addresses that objects of clusters hold.
 */
export async function renewRows(
  ledger: Queryable,
  rows: readonly AddressRow[],
  { seconds, generation, reason, actor }: RenewOptions & { readonly actor: string },
): Promise<CommandResult<readonly AddressView[]>> {
  const changed = rows.map((row) => refuseChangedHolder(row, generation)).find((refusal) => refusal !== undefined);
  if (changed !== undefined) return { kind: 'refused', refusal: changed };
  const inCluster = rows.find(({ owner }) => owner !== undefined);
  if (inCluster?.owner !== undefined) {
    const { mac, state, owner } = inCluster;
    const cause = `${mac} is held by ${owner.kind} ${qualifiedName(owner)} in a cluster, so it was not renewed.`;
    const next = state === 'stocked' ? 'Stock does not expire.' : 'Renew it there: `kubectl rock-mac renew`.';
    return { kind: 'refused', refusal: commandRefusal(cause, next, 'conflict') };
  }
  const items = rows.map(({ mac, generation, key }) => ({ mac, generation, key, ttlSeconds: seconds }));
  const outcomes = await renew(ledger, items, reason === undefined ? undefined : { actor, reason });
  const renewed: AddressView[] = [];
  for (const [index, row] of rows.entries()) {
    const outcome = outcomes[index];
    switch (outcome?.outcome) {
      case 'renewed':
        renewed.push({ ...addressView(row), expiresAt: outcome.expiresAt });
        break;
      case 'never_expires':
        renewed.push({ ...addressView(row), expiresAt: undefined });
        break;
      case 'invalid':
        return { kind: 'refused', refusal: commandRefusal(`The renewal of ${row.mac} was refused:`, outcome.why) };
      default:
        // Either released meanwhile, or reserved, which has no expiry.
        if (row.state === 'reserved') renewed.push(addressView(row));
    }
  }
  return { kind: 'done', value: renewed };
}
