import type { Logger } from 'pino';
import type { KubeClient } from '../../kube/client/client.ts';
import { pods } from '../../kube/client/core-resources.ts';
import { metadataOnly } from '../../kube/client/resource.ts';
import { repeatEvery } from '../../time/repeat-every.ts';
import { createStockKeeper, EXCHANGE_EVERY_MS, type KeepStockDeps } from './keep-stock.ts';
import { createStock, type Stock } from './stock.ts';

export interface RunStockOptions extends Omit<KeepStockDeps, 'stock' | 'podExists'> {
  /** The namespace of this process. */
  readonly namespace: string;
  readonly coverMs: number;
  readonly client: Pick<KubeClient, 'find'>;
}

export interface RunningStock {
  readonly stock: Stock;
  /** Reports the ledger the last answers, and returns the rest. Call it when no review is answered any more. */
  stop(): Promise<void>;
}

/** Keeps a stock for this process until it is stopped. */
export function runStock(options: RunStockOptions): RunningStock {
  const { client, namespace, holder, clock, logger, coverMs } = options;
  const stopping = new AbortController();
  const stock = createStock({ coverMs, now: () => clock.now() });
  const podExists = async () => {
    const pod = await client.find(metadataOnly(pods), { namespace, name: holder.podName });
    return pod?.metadata.uid === holder.podUid;
  };
  const keeper = createStockKeeper({ ...options, stock, podExists });
  const background = { logger, clock, signal: stopping.signal };
  const loop = repeatEvery(
    EXCHANGE_EVERY_MS,
    'exchange the stock with the ledger',
    () => keeper.exchange(),
    background,
  );
  return {
    stock,
    stop: async () => {
      stopping.abort();
      await loop;
      await closeKeeper(keeper, logger);
    },
  };
}

/** The operator returns what is left, as soon as it knows that this process is gone. */
async function closeKeeper(keeper: ReturnType<typeof createStockKeeper>, logger: Logger): Promise<void> {
  try {
    await keeper.close();
  } catch (error) {
    logger.warn({ err: error }, 'could not return the stock at the end of the process');
  }
}
