import type { Logger } from 'pino';
import { LedgerError } from '../../ledger/errors.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { requestRelease } from '../../ledger/address/release-request.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { AdmissionRequest, AdmissionResponse } from '../server/admission-review.ts';
import { within } from '../server/deadline.ts';

/** How long a deletion waits for a ledger that does not respond. */
const LEDGER_MS = 1_000;

/** Records who deletes a claim, if the ledger can be reached. Allows every deletion: the ledger must not block any. */
export async function recordRelease(
  { oldObject, userInfo, dryRun }: AdmissionRequest,
  { ledger, clusterId, logger }: { readonly ledger: Queryable; readonly clusterId: string; readonly logger: Logger },
): Promise<AdmissionResponse> {
  const uid = oldObject?.metadata?.uid;
  if (dryRun === true || uid === undefined) return { allowed: true };
  try {
    await within(LEDGER_MS, requestRelease(ledger, { key: claimKey({ clusterId, uid }), username: userInfo.username }));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    logger.warn({ err: error, user: userInfo.username }, 'could not record who deletes a claim');
  }
  return { allowed: true };
}
