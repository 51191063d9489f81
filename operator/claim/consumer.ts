import type { ConsumerRef } from '../../api/mac-allocation.ts';
import { apiVersionOf } from '../../kube/client/resource.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { dropConsumer } from '../../ledger/address/consumer.ts';
import type { OperatorDeps } from '../dependencies.ts';

/**
 * How soon a claim is reconciled again whose end waits for its consumer. The end of the consumer also enqueues the claim;
 * this is the fallback.
 */
export const BLOCKED_RETRY_MS = 10_000;

export type ConsumerDeps = Pick<OperatorDeps, 'ledger' | 'actor' | 'client' | 'kinds' | 'logger'>;

/** Whether a claim is in use, and by which object. */
export type ConsumerState =
  | { readonly inUse: false; readonly ref?: undefined }
  /** `ref` is absent while only admission has named the consumer, and the operator has not seen it stored yet. */
  | { readonly inUse: true; readonly name: string; readonly ref?: ConsumerRef | undefined };

/**
 * Returns the consumer of a claim. First removes a consumer from the ledger that no longer exists. One that only admission
 * has named counts until its lease has expired and no object uses the address, which `releaseLeasesOfAbsentObjects` checks.
 */
export async function currentConsumer(row: AddressRow, deps: ConsumerDeps): Promise<ConsumerState> {
  const { ledger, actor, client, kinds, logger } = deps;
  const { consumer, mac } = row;
  if (consumer === undefined) return { inUse: false };
  const { kind: kindName, name, uid, nic, key: consumerKey } = consumer;
  const kind = kinds.find(({ resource }) => resource.kind === kindName);
  const label = `${kindName} ${name === '' ? '(being created)' : name}`;
  if (uid === undefined || kind === undefined) return { inUse: true, name: label };
  const namespace = row.owner?.namespace ?? '';
  if (await kind.stillUses({ namespace, name, uid, mac }, client)) {
    const { resource } = kind;
    return { inUse: true, name: label, ref: { apiVersion: apiVersionOf(resource), kind: kindName, name, uid, nic } };
  }
  await dropConsumer(ledger, [{ mac, consumerKey }], { actor, reason: 'consumer is gone' });
  logger.info({ mac, claim: row.owner?.name, namespace, consumer: label }, 'claim is free for another consumer');
  return { inUse: false };
}
