import type { Logger } from 'pino';
import { LedgerError } from '../../ledger/errors.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { requestRelease } from '../../ledger/address/release-request.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { AdmissionRequest, AdmissionResponse } from '../server/admission-review.ts';
import { within } from '../server/deadline.ts';

/** What a deletion waits for a ledger that does not answer. */
const PATIENCE_MS = 1_000;

/**
 * Writes down who deletes a claim, as well as it can: a ledger that cannot be reached must hold no deletion back, so that
 * the answer is always yes.
 */
export async function recordRelease(
  { oldObject, userInfo, dryRun }: AdmissionRequest,
  { ledger, clusterId, logger }: { readonly ledger: Queryable; readonly clusterId: string; readonly logger: Logger },
): Promise<AdmissionResponse> {
  const uid = oldObject?.metadata?.uid;
  if (dryRun === true || uid === undefined) return { allowed: true };
  try {
    await within(
      PATIENCE_MS,
      requestRelease(ledger, { key: claimKey({ clusterId, uid }), username: userInfo.username }),
    );
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    logger.warn({ err: error, user: userInfo.username }, 'could not write down who deletes a claim');
  }
  return { allowed: true };
}
