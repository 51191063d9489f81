import { ledgerTime } from '../../ledger/address/mark-missing.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { rollingBack } from '../../ledger/connection/rolling-back.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { returnStock } from '../../ledger/stock/leave-stock.ts';
import { listStock, stockOf } from '../../ledger/stock/stock.ts';
import { didYouMean } from '../did-you-mean.ts';
import { UserError } from '../errors.ts';
import { formatDistance } from '../output/time.ts';
import { currentUser } from './current-user.ts';

/** What one process of a webhook has in stock of one pool. */
export interface Stock {
  readonly cluster: string;
  readonly clusterId: string;
  readonly pod: string;
  readonly podUid: string;
  readonly holder: string;
  /** Empty if the process has no stock. */
  readonly pool: string;
  readonly addresses: number;
  readonly startedAt: Date;
  readonly seenAt: Date;
}

/** Living processes report every 15 seconds. */
const RECENT_MS = 60_000;

/** Returns the stocks of all clusters, and the living processes without one. */
export async function listStocks(ledger: Queryable): Promise<Stock[]> {
  const now = await ledgerTime(ledger);
  return (await readStocks(ledger)).filter((stock) => stock.addresses > 0 || isRecent(stock, now));
}

function isRecent({ seenAt }: Stock, now: Date): boolean {
  return now.getTime() - seenAt.getTime() < RECENT_MS;
}

/** Returns the stocks of all processes that the ledger knows, also of those that ended within the last day. */
async function readStocks(ledger: Queryable): Promise<Stock[]> {
  const stocks = await listStock(ledger);
  const names = new Map((await listClusters(ledger)).map(({ clusterId, name }) => [clusterId, name]));
  return stocks.map(({ holder, pool, count, startedAt, seenAt }) => ({
    cluster: names.get(holder.clusterId) ?? holder.clusterId,
    clusterId: holder.clusterId,
    pod: holder.podName,
    podUid: holder.podUid,
    holder: holder.id,
    pool,
    addresses: count,
    startedAt,
    seenAt,
  }));
}

/**
 * Returns the stock of a process that is gone to its pools. Returns a line that says how much it was. Throws a UserError if
 * the ledger does not know the process, or if it has reported within the last minute and `force` is not set.
 */
export async function returnByName(
  ledger: LedgerClient,
  text: string,
  {
    force,
    dryRun,
    reason,
  }: { readonly force: boolean; readonly dryRun: boolean; readonly reason?: string | undefined },
): Promise<string> {
  const stock = findHolder(await readStocks(ledger), text);
  const { holder, pod, cluster, clusterId } = stock;
  const now = await ledgerTime(ledger);
  if (!force && isRecent(stock, now)) {
    throw new UserError(
      `The process of ${pod} reported ${formatDistance(stock.seenAt, now)} ago. If it still runs, it goes on giving these addresses to ` +
        'pods, and others may get them too.',
      'Stop its pod first. If you know that the process has ended, add --force.',
      'conflict',
    );
  }
  const run = (db: Queryable) => returnAll(db, { clusterId, id: holder }, reason);
  const count = await (dryRun ? rollingBack(ledger).transaction(run) : run(ledger));
  const returned = `${dryRun ? 'Would return' : 'Returned'} ${String(count)} address(es)`;
  return `${returned} of ${pod} in cluster ${cluster}. Others get them after the reuse delay`;
}

/** Returns a process by its id, or by the name of its pod if that had only one. Throws a UserError otherwise. */
function findHolder(stocks: readonly Stock[], text: string): Stock {
  const byId = stocks.find(({ holder }) => holder === text);
  if (byId !== undefined) return byId;
  const ofPod = stocks.filter(({ pod }) => pod === text);
  const [first] = ofPod;
  const isOne = new Set(ofPod.map(({ holder }) => holder)).size === 1;
  if (first !== undefined && isOne) return first;
  const pods = stocks.map(({ pod }) => pod);
  throw new UserError(
    first === undefined
      ? `No webhook ${JSON.stringify(text)} has a stock.${didYouMean(text, pods)}`
      : `Several processes ran in a pod ${text}.`,
    'Run `rock-mac stock list` to see the holders.',
    first === undefined ? 'notFound' : 'conflict',
  );
}

/** Returns all addresses. Returns their number. */
async function returnAll(
  ledger: Queryable,
  holder: { readonly clusterId: string; readonly id: string },
  reason = 'stock returned with rock-mac',
) {
  const options = { unused: false, actor: currentUser(), reason };
  const outcomes = await returnStock(ledger, await stockOf(ledger, holder), options);
  return outcomes.filter(({ outcome }) => outcome === 'returned').length;
}
