import type { ConsumerRef } from '../../api/mac-allocation.ts';
import { apiVersionOf } from '../../kube/client/resource.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { dropConsumer } from '../../ledger/address/consumer.ts';
import type { OperatorDeps } from '../dependencies.ts';

/** Who uses a claim now. */
export type ClaimUse =
  | { readonly inUse: false; readonly ref?: undefined }
  /** `ref` is absent while admission has named it and nobody has seen it stored yet. */
  | { readonly inUse: true; readonly name: string; readonly ref?: ConsumerRef | undefined };

/**
 * The consumer of a claim, after the ledger was told of one that is gone. One that was only named by admission counts
 * until its lease is over and no object carries it, which `giveBackExpiredLeases` finds out.
 */
export async function currentConsumer(row: AddressRow, context: OperatorDeps): Promise<ClaimUse> {
  const { ledger, actor, client, kinds, logger } = context;
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
