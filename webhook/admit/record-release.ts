import type { Logger } from 'pino';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { requestRelease } from '../../ledger/address/release-request.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { AdmissionRequest, AdmissionResponse } from '../review/admission-review.ts';
import { within } from '../review/deadline.ts';

/** How long a deletion waits for a ledger that does not respond. */
const LEDGER_MS = 1_000;

export interface RecordReleaseDeps {
  readonly ledger: Queryable;
  readonly clusterId: string;
  readonly logger: Logger;
  /** Whether the review certainly concerns a stored claim that nobody deletes yet. */
  readonly isRealDeletion: (claim: { namespace: string; name: string; uid: string }) => Promise<boolean>;
}

/** Records who deletes a claim, if the ledger can be reached. Allows every deletion: the ledger must not block any. */
export async function recordRelease(
  { oldObject, userInfo, dryRun, ...request }: AdmissionRequest,
  { ledger, clusterId, logger, isRealDeletion }: RecordReleaseDeps,
): Promise<AdmissionResponse> {
  const { uid, namespace = request.namespace, name = request.name } = oldObject?.metadata ?? {};
  if (dryRun === true || uid === undefined || namespace === undefined || name === undefined) return { allowed: true };
  const user = userInfo.username;
  try {
    if (!(await isRealDeletion({ namespace, name, uid }))) {
      logger.warn({ namespace, name, user }, 'did not record the deletion of an unknown claim');
      return { allowed: true };
    }
    await within(LEDGER_MS, requestRelease(ledger, { key: claimKey({ clusterId, uid }), username: user }));
  } catch (error) {
    logger.warn({ err: error, namespace, name, user }, 'could not record who deletes a claim');
  }
  return { allowed: true };
}
