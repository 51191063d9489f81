import type { AddressRow } from '../../ledger/address/address-row.ts';
import { listAudit } from '../../ledger/audit.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { findByDevice, findByMac } from '../../ledger/address/find.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { suggestTargets } from '../../ledger/address/suggest.ts';
import type { Address, Backend } from '../backend.ts';
import { Done } from '../errors.ts';
import { followAddresses } from '../follow-addresses.ts';
import type { Target } from '../target.ts';
import { toAddress } from './address.ts';
import { currentUser } from './current-user.ts';
import { listPage } from './list.ts';
import { releaseRows } from './release.ts';
import { renewRows } from './renew.ts';
import { reserveAddress } from './reserve.ts';
import { takeAddress } from './take-address.ts';
import { rolledBack } from './roll-back-allocation.ts';

/**
 * The commands on a ledger: the same functions that operator and webhook call. A dry run does what it is asked for and takes
 * it back, so that it ends as the command itself would in this moment.
 */
export function createLedgerBackend(ledger: LedgerClient, { dryRun }: { readonly dryRun: boolean }): Backend {
  const user = currentUser();
  const change = <R>(use: (db: Queryable) => Promise<R>) =>
    dryRun ? rolledBack(ledger).transaction(use) : use(ledger);
  const backend: Backend = {
    allocate: async ({ requestKey, expiresAfterSeconds: ttlSeconds, ...request }) => {
      const taken = await change((db) =>
        takeAddress(db, { ...request, state: 'active', requestKey, ttlSeconds }, user),
      );
      return dryRun ? onlyTried('allocate', [taken]) : taken;
    },
    reserve: async (request) => {
      const taken = await change((db) => reserveAddress(db, request, user));
      return dryRun ? onlyTried('reserve', [taken]) : taken;
    },
    release: (target, { force }) =>
      change(async (db) => releaseRows(db, await heldRows(db, target), { force, actor: user })),
    renew: async (target, { seconds }) => {
      const renewed = await change(async (db) => renewRows(db, await heldRows(db, target), seconds));
      return dryRun && renewed.length > 0 ? onlyTried('renew', renewed) : renewed;
    },
    find: async (target) => (await findRows(ledger, target)).map(toAddress),
    list: (query) => listPage(ledger, query),
    watch: (query, see) => followAddresses(backend, query, see),
    stats: () => poolStats(ledger),
    audit: async ({ target, afterId: after, ...query }) => listAudit(ledger, { ...query, after, ...auditOf(target) }),
    pools: () => listPools(ledger),
    suggest: async (prefix, limit) => {
      const { macs, devices } = await suggestTargets(ledger, prefix, limit);
      return [
        ...macs.map((text) => ({ text, about: 'address' })),
        ...devices.map((text) => ({ text, about: 'device' })),
      ];
    },
    close: () => ledger.close(),
  };
  return backend;
}

/** Somebody else may come first, so what a dry run found is no answer for a script: it goes to people. */
function onlyTried(verb: string, addresses: readonly Address[]): never {
  throw new Done(`Would ${verb} ${addresses.map(({ mac, pool }) => `${mac} of pool ${pool}`).join(', ')} (dry run).`);
}

function auditOf(target: Target | undefined) {
  return target?.kind === 'device' ? { deviceId: target.text } : { mac: target?.mac };
}

/** An address, held or not; or what a device holds. */
async function findRows(ledger: Queryable, target: Target): Promise<AddressRow[]> {
  const { mac } = target;
  const rows = target.kind === 'device' ? await findByDevice(ledger, target.text) : [];
  if (rows.length > 0 || mac === undefined) return rows;
  const row = await findByMac(ledger, mac);
  return row === undefined ? [] : [row];
}

async function heldRows(ledger: Queryable, target: Target): Promise<AddressRow[]> {
  return (await findRows(ledger, target)).filter(({ state }) => state !== 'released');
}
