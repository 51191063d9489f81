import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByDevice, findByMac } from '../../ledger/address/find.ts';
import { suggestTargets } from '../../ledger/address/suggest.ts';
import { listAudit } from '../../ledger/audit.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { addressView } from '../../ledger/view/address-view.ts';
import { auditEntryView } from '../../ledger/view/audit-entry-view.ts';
import type { Address, AuditLine, AuditQuery, Backend, ListQuery, Result } from '../backend.ts';
import { followAddresses } from '../follow-addresses.ts';
import type { Target } from '../target.ts';
import { allocateAddress, reserveAddress } from './allocate-address.ts';
import { currentUser } from './current-user.ts';
import { listPage } from './list-page.ts';
import { releaseRows } from './release.ts';
import { renewRows } from './renew.ts';
import { rollingBack } from './roll-back.ts';

/**
 * Runs the commands on a ledger, with the same functions as the operator and the webhook. A dry run executes the change
 * and rolls it back, so it has the same result as the command would have now.
 */
export function createLedgerBackend(ledger: LedgerClient, { dryRun }: { readonly dryRun: boolean }): Backend {
  const user = currentUser();
  const change = <R>(use: (db: Queryable) => Promise<R>) =>
    dryRun ? rollingBack(ledger).transaction(use) : use(ledger);

  const list = (query: ListQuery) => listPage(ledger, query);
  const audit = async ({ target, afterId: after, ...query }: AuditQuery): Promise<AuditLine[]> =>
    (await listAudit(ledger, { ...query, after, ...auditFilter(target) })).map(auditEntryView);
  const find = async (target: Target) => (await findRows(ledger, target)).map(addressView);

  return {
    allocate: async ({ requestKey, expiresAfterSeconds: ttlSeconds, ...request }) => {
      const result = await change((db) =>
        allocateAddress(db, { ...request, state: 'active', requestKey, ttlSeconds }, user),
      );
      return dryRun ? describeDryRun('allocate', result, (address) => [address]) : result;
    },
    reserve: async (request) => {
      const result = await change((db) => reserveAddress(db, request, user));
      return dryRun ? describeDryRun('reserve', result, (address) => [address]) : result;
    },
    release: (target, { force }) =>
      change(async (db) => releaseRows(db, await heldRows(db, target), { force, actor: user })),
    renew: async (target, { seconds }) => {
      const result = await change(async (db) => renewRows(db, await heldRows(db, target), seconds));
      return dryRun ? describeDryRun('renew', result, (addresses) => addresses) : result;
    },
    find: async (target) => ({ addresses: await find(target), fromLedger: true }),
    list,
    watch: (query, onAddress) => {
      const findOne = (mac: Address['mac']) => find({ kind: 'mac', text: mac, mac });
      return followAddresses({ list, audit, findByMac: findOne }, query, onAddress);
    },
    stats: () => poolStats(ledger),
    audit,
    pools: () => listPools(ledger),
    suggest: async (prefix, limit) => {
      const { macs, devices } = await suggestTargets(ledger, prefix, limit);
      return [
        ...macs.map((text) => ({ text, description: 'address' })),
        ...devices.map((text) => ({ text, description: 'device' })),
      ];
    },
    close: () => ledger.close(),
  };
}

/** Replaces the addresses of a dry run by a sentence, because another caller may get them first. */
function describeDryRun<T>(verb: string, result: Result<T>, addressesOf: (value: T) => readonly Address[]): Result<T> {
  if (result.kind !== 'done') return result;
  const addresses = addressesOf(result.value);
  if (addresses.length === 0) return result;
  const names = addresses.map(({ mac, pool }) => `${mac} of pool ${pool}`).join(', ');
  return { kind: 'dry-run', message: `Would ${verb} ${names} (dry run).` };
}

function auditFilter(target: Target | undefined) {
  return target?.kind === 'device' ? { deviceId: target.text } : { mac: target?.mac };
}

/** Returns the row of an address in any state, or the rows that a device holds. */
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
