import type { Logger } from 'pino';
import { z } from 'zod';
import { claimKey, stickyKey } from '../../ledger/address/holder-key.ts';
import { requestRelease } from '../../ledger/address/release-request.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { DeletedClaim } from '../claims/check-deletion.ts';
import { stickyName } from '../claims/find-claim.ts';
import type { AdmissionRequest, AdmissionResponse } from '../review/admission-review.ts';
import { within } from '../review/deadline.ts';

/** How long a deletion waits for a ledger that does not respond. */
const LEDGER_MS = 1_000;

export interface RecordReleaseDeps {
  readonly ledger: Queryable;
  readonly clusterId: string;
  readonly logger: Logger;
  /** Whether the review certainly concerns a stored claim that nobody deletes yet. */
  readonly isRealDeletion: (claim: DeletedClaim) => Promise<boolean>;
}

/** Records who deletes a claim, if the ledger can be reached. Allows every deletion: the ledger must not block any. */
export async function recordRelease(
  request: AdmissionRequest,
  { ledger, clusterId, logger, isRealDeletion }: RecordReleaseDeps,
): Promise<AdmissionResponse> {
  const claim = deletedClaimOf(request);
  if (request.dryRun === true || claim === undefined) return { allowed: true };
  const { namespace, name } = claim;
  const user = request.userInfo.username;
  try {
    if (!(await isRealDeletion(claim))) {
      logger.warn({ namespace, name, user }, 'did not record the deletion of an unknown claim');
      return { allowed: true };
    }
    await within(LEDGER_MS, requestRelease(ledger, { key: keyOf(claim, clusterId), username: user }));
  } catch (error) {
    logger.warn({ err: error, namespace, name, user }, 'could not record who deletes a claim');
  }
  return { allowed: true };
}

const deletedSpec = z.object({ stickyFor: stickyName.optional() });

function deletedClaimOf({ oldObject, ...request }: AdmissionRequest): DeletedClaim | undefined {
  const { uid, namespace = request.namespace, name = request.name } = oldObject?.metadata ?? {};
  if (uid === undefined || namespace === undefined || name === undefined) return undefined;
  return { namespace, name, uid, stickyFor: deletedSpec.safeParse(oldObject?.['spec']).data?.stickyFor };
}

/** Returns the holder key of a claim: that of a sticky claim is of the workload's name. */
function keyOf({ namespace, uid, stickyFor }: DeletedClaim, clusterId: string): string {
  if (stickyFor === undefined) return claimKey({ clusterId, uid });
  return stickyKey({ clusterId, namespace, ...stickyFor });
}
