import type { ClaimConsumer } from '../../api/mac-allocation.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { apiVersionOf } from '../../kube/client/resource.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { dropConsumer } from '../../ledger/address/consumer.ts';
import { reportedNic, type ReportedNicDeps } from '../allocation/reported-nic.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { checkConsumer, type CheckConsumerDeps } from './check-consumer.ts';
import type { ClaimUser } from './status.ts';

/**
 * How soon a claim is reconciled again whose end waits for its consumer. The end of the consumer also enqueues the claim;
 * this is the fallback.
 */
export const BLOCKED_RETRY_MS = 10_000;

export type ConsumerDeps = CheckConsumerDeps &
  ReportedNicDeps &
  Pick<OperatorDeps, 'ledger' | 'actor' | 'kinds' | 'logger'>;

/** Whether a claim is in use, and by which object. */
export type ConsumerState =
  | { readonly inUse: false; readonly retryMs?: undefined }
  /** `ref` is absent while only admission has named the consumer, and the operator has not seen it stored yet. */
  | (ClaimUser & {
      readonly inUse: true;
      /** When to check again a consumer that no longer exists and may still run. In milliseconds. */
      readonly retryMs?: number | undefined;
    });

/**
 * Returns the consumer of a claim. First removes a consumer from the ledger that no longer exists. One that only admission
 * has named counts until its lease has expired and no object uses the address, which `releaseLeasesOfAbsentObjects` checks. A
 * pod that vanished before it was seen to end counts until it cannot run any more.
 *
 * @param claim is absent after its deletion
 */
export async function currentConsumer(
  row: AddressRow,
  claim: MacAllocation | undefined,
  deps: ConsumerDeps,
): Promise<ConsumerState> {
  const { ledger, actor, kinds, logger } = deps;
  const { consumer, mac } = row;
  if (consumer === undefined) return { inUse: false };
  const { kind: kindName, name, uid, nic } = consumer;
  const label = `${kindName} ${name === '' ? '(being created)' : name}`;
  const kind = kinds.find(({ resource }) => resource.kind === kindName);
  if (uid === undefined || kind === undefined) return { inUse: true, name: label };
  const namespace = row.owner?.namespace ?? '';
  const found = await checkConsumer({ kind, namespace, name, uid, mac }, claim, deps);
  if (found !== 'ended') {
    const { runsOn, ...rest } = found;
    const place = runsOn && { node: runsOn.node, terminationGracePeriodSeconds: runsOn.graceSeconds };
    const ref: ClaimConsumer = { apiVersion: apiVersionOf(kind.resource), kind: kindName, name, uid, nic, ...place };
    const reported = reportedNic({ kind: kindName, namespace, name, uid, mac }, deps);
    return { inUse: true, name: label, ref, reported, ...rest };
  }
  await dropConsumer(ledger, [{ mac, consumerKey: consumer.key }], { actor, reason: 'consumer is gone' });
  logger.info({ mac, claim: row.owner?.name, namespace, consumer: label }, 'claim is free for another consumer');
  return { inUse: false };
}
