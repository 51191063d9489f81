import type { Logger } from 'pino';
import type { AdmissionRequest, AdmissionResponse } from '../review/admission-review.ts';
import { admitWorkload, type WorkloadAdmissionDeps } from './admit-workload.ts';

/**
 * Admits a pod that gets an address on its own interface because all pods do. It never waits with a scheduling gate and is never
 * refused: the network, the DNS and the storage of the cluster consist of such pods, and the ledger may need them to start. What
 * would be a refusal is a warning, and the pod starts without an address.
 */
export async function admitIfPossible(
  request: AdmissionRequest,
  { logger, ...deps }: WorkloadAdmissionDeps & { readonly logger: Logger },
  deadline: number,
): Promise<AdmissionResponse> {
  const schedulingGate = { ...deps.schedulingGate, breaker: undefined };
  try {
    const response = await admitWorkload(request, { ...deps, schedulingGate }, deadline);
    return response.allowed ? response : withoutAddress(response.refusal.message);
  } catch (error) {
    logger.warn({ err: error }, 'a pod starts without an address on its own interface');
    return withoutAddress('The webhook failed.');
  }
}

function withoutAddress(cause: string): AdmissionResponse {
  const [first = ''] = cause.split('\n');
  return { allowed: true, patch: [], warnings: [`rock-mac: this pod starts without an address of rock-mac. ${first}`] };
}
