import { pods } from '../../kube/client/core-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { returnStock } from '../../ledger/stock/leave-stock.ts';
import { listStock, type StockHolder, stockOf } from '../../ledger/stock/stock.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { LiveWorkload } from '../live/workload.ts';
import { type GoneHolders, holdersWithStock, isGone } from '../stock/gone-holders.ts';

export type ReclaimStockDeps = Pick<
  OperatorDeps,
  'ledger' | 'client' | 'clusterId' | 'systemNamespace' | 'actor' | 'logger'
> & { readonly goneHolders: GoneHolders };

/**
 * Returns the holders of this cluster that are gone, by uncached reads of their pods. Throws if one of them is uncertain, and
 * then nothing is reclaimed.
 */
export async function findGoneHolders({
  ledger,
  client,
  clusterId,
  systemNamespace: namespace,
  goneHolders,
}: ReclaimStockDeps): Promise<readonly StockHolder[]> {
  const stocks = await listStock(ledger, clusterId);
  const gone: StockHolder[] = [];
  for (const stock of holdersWithStock(stocks)) {
    const { holder } = stock;
    const pod = await getOrUndefined(pods, { namespace, name: holder.podName }, client);
    if (isGone(stock, pod?.metadata.uid, stocks)) gone.push(holder);
  }
  goneHolders.update(gone.map(({ id }) => id));
  return gone;
}

/**
 * Returns the stock of holders that are gone to its pools. `objects` are all that live, from lists that began at `listedAt`, a time of
 * `goneHolders`. An address that one of them uses stays: it is bound by its token, or observed until nothing uses it. The rest
 * waits for the reuse delay, because nobody knows what such a holder answered with.
 */
export async function reclaimStock(
  gone: readonly StockHolder[],
  { objects, listedAt }: { readonly objects: readonly LiveWorkload[]; readonly listedAt: number },
  { ledger, actor, logger, goneHolders }: ReclaimStockDeps,
): Promise<void> {
  const certain = gone.filter(({ id }) => goneHolders.wasGone(id, listedAt));
  if (certain.length === 0) return;
  const used = new Set(objects.flatMap(({ workload }) => workload.uses));
  for (const holder of certain) {
    const unused = (await stockOf(ledger, holder)).filter(({ mac }) => !used.has(mac));
    const outcomes = await returnStock(ledger, unused, { unused: false, actor, reason: 'its webhook is gone' });
    const returned = outcomes.filter(({ outcome }) => outcome === 'returned').length;
    if (returned > 0) {
      logger.info({ workload: holder.podName, addresses: returned }, 'returned the stock of a webhook that is gone');
    }
  }
}
