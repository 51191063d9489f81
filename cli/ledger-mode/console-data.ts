import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntries, AuditFilter, Neighbour } from '../../api/console.ts';
import { findByMac, findByMacs } from '../../ledger/address/find.ts';
import { searchAddresses } from '../../ledger/address/search.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { poolHistory } from '../../ledger/pool/history.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { stateMap } from '../../ledger/pool/state-map.ts';
import { addressView } from '../../ledger/view/address-view.ts';
import { encodeAuditEntry } from '../../ledger/view/audit-entry-view.ts';
import { clusterViews, encodeCluster } from '../../ledger/view/cluster-view.ts';
import { encodeLedger, readLedgerView } from '../../ledger/view/ledger-view.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { assignmentOf } from '../assignment.ts';
import { auditQuery } from '../console/audit-query.ts';
import { neighbourRange, statesOfMap, withHolders } from '../console/neighbours.ts';
import type { ConsoleData } from '../console/source.ts';
import {
  addressDetails,
  clusterView,
  daysBefore,
  historyPoint,
  ledgerView,
  poolView,
  searchHit,
} from '../console/views.ts';
import { auditPage } from './audit-page.ts';
import { currentUser } from './current-user.ts';
import { sealOnTheSide } from './seal.ts';
import { withObservers } from './with-observers.ts';

interface ConsoleDataOptions {
  /** The ledger without its password, for people. */
  readonly place: string;
  readonly now: () => Date;
}

/** How long a request for later entries of the audit waits, and how often it looks. */
const WAIT_MS = 20_000;
const POLL_MS = 500;

/** How long a call for the history seals at most. */
const SEAL_MS = 500;

/** Reads what the console shows from a ledger. */
export function createLedgerConsoleData(ledger: LedgerClient, { place, now }: ConsoleDataOptions): ConsoleData {
  return {
    about: () =>
      Promise.resolve({
        mode: 'ledger',
        program: 'rock-mac',
        user: currentUser(),
        place,
        programVersion: packageJson.version,
        missing: [],
      }),
    pools: async () => {
      const pools = await listPools(ledger);
      return (await poolStats(ledger)).map((counts) => poolView(counts, pools));
    },
    history: async (pool, sinceDays) => {
      // Changes count once they are sealed, and perhaps no operator does that. A long history is sealed over several calls.
      await sealOnTheSide(ledger, AbortSignal.timeout(SEAL_MS));
      return (await poolHistory(ledger, { pool, since: daysBefore(now(), sinceDays) })).map(historyPoint);
    },
    map: (first, count, search) => stateMap(ledger, first, count, search),
    search: async (text, limit) =>
      (await searchAddresses(ledger, text, limit)).map((row) => searchHit(addressView(row), text.trim())),
    address: async (mac) => {
      const row = await findByMac(ledger, mac);
      if (row === undefined) return undefined;
      return addressDetails(await withObservers(ledger, row), await assignmentOf(mac), now());
    },
    neighbours: (mac) => neighboursOf(ledger, mac),
    audit: (filter, signal) => readAudit(ledger, filter, signal),
    clusters: async () => (await clusterViews(ledger)).map((view) => clusterView(encodeCluster(view))),
    ledgerState: async () => ledgerView(encodeLedger(await readLedgerView(ledger))),
  };
}

async function neighboursOf(ledger: LedgerClient, mac: MacAddress): Promise<Neighbour[]> {
  const range = neighbourRange(mac, await listPools(ledger));
  if (range === undefined) return [];
  const around = statesOfMap(range.first, await stateMap(ledger, range.first, range.count));
  const rows = await findByMacs(
    ledger,
    around.map((each) => each.mac),
  );
  return withHolders(around, rows);
}

async function readAudit(ledger: LedgerClient, filter: AuditFilter, signal?: AbortSignal): Promise<AuditEntries> {
  const endAt = performance.now() + WAIT_MS;
  let { afterId } = filter;
  for (;;) {
    const { lines, isCut, reached } = await auditPage(ledger, auditQuery({ ...filter, afterId }));
    const waits = afterId !== undefined && lines.length === 0 && performance.now() < endAt;
    if (!waits || signal?.aborted === true) return { entries: lines.map(encodeAuditEntry), isCut, reached };
    afterId = reached ?? afterId;
    await sleep(POLL_MS, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
}
