import { ANNOTATIONS } from '../../api/names.ts';
import { readReason } from '../../api/reason.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { renew } from '../../ledger/address/renew.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { ttlSecondsOf } from './ledger-items.ts';

/**
 * Extends the expiry of a claim whose `spec.renewedAt` has changed. Returns the expiry in the ledger; `undefined` for a
 * claim that never expires. The ledger's clock decides, because the author of `renewedAt` could set it to any time.
 */
export async function renewClaim(
  claim: MacAllocation,
  row: AddressRow,
  { ledger, logger, actor }: Pick<OperatorDeps, 'ledger' | 'logger' | 'actor'>,
): Promise<Date | undefined> {
  if (row.expiresAt === undefined || !isRenewed(claim)) return row.expiresAt;
  const reason = readReason(claim.metadata.annotations?.[ANNOTATIONS.renewReason]);
  const item = { ...row, ttlSeconds: ttlSecondsOf(claim) };
  const [result] = await renew(ledger, [item], reason === undefined ? undefined : { actor, reason });
  if (result?.outcome !== 'renewed') return row.expiresAt;
  logger.info({ claim: keyOf(claim), mac: row.mac, expiresAt: result.expiresAt }, 'claim renewed');
  return result.expiresAt;
}

/** `renewedAt` is the only mutable field of the spec, so a generation that was not observed yet is a renewal. */
function isRenewed({ metadata: { generation = 0 }, spec, status }: MacAllocation): boolean {
  return spec.renewedAt !== undefined && (status?.observedGeneration ?? 0) < generation;
}
