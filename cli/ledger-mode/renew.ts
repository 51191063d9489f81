import type { AddressRow } from '../../ledger/address/address-row.ts';
import { renew } from '../../ledger/address/renew.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { Address } from '../backend.ts';
import { UserError } from '../errors.ts';
import { toAddress } from './address.ts';

/**
 * Renews what devices still hold, and answers with the new expiries; without one where it never expires. What an object of a
 * cluster holds is for that cluster to renew.
 */
export async function renewRows(
  ledger: Queryable,
  rows: readonly AddressRow[],
  seconds: number | undefined,
): Promise<Address[]> {
  const [inCluster] = rows.filter(({ owner }) => owner !== undefined);
  if (inCluster?.owner !== undefined) {
    const { kind, namespace, name } = inCluster.owner;
    throw new UserError(
      `${inCluster.mac} is held by ${kind} ${namespace}/${name} in a cluster, so it was not renewed.`,
      'Renew it there: `kubectl rock-mac renew`.',
      'conflict',
    );
  }
  const items = rows.map(({ mac, generation, key }) => ({ mac, generation, key, ttlSeconds: seconds }));
  const outcomes = await renew(ledger, items);
  return rows.flatMap((row, index): Address[] => {
    const outcome = outcomes[index];
    switch (outcome?.outcome) {
      case 'renewed':
        return [{ ...toAddress(row), expiresAt: outcome.expiresAt }];
      case 'never_expires':
        return [{ ...toAddress(row), expiresAt: undefined }];
      case 'invalid':
        throw new UserError(`The renewal of ${row.mac} was refused:`, outcome.why);
      default:
        // Released in this moment, or reserved, which has no expiry to move.
        return row.state === 'reserved' ? [toAddress(row)] : [];
    }
  });
}
