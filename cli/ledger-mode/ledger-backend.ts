import type { AddressRow } from '../../ledger/address-row.ts';
import { listAudit } from '../../ledger/audit.ts';
import type { LedgerPool } from '../../ledger/connect.ts';
import { findByDevice, findByMac } from '../../ledger/find.ts';
import { poolStats } from '../../ledger/pool-stats.ts';
import { listPools } from '../../ledger/pools.ts';
import { suggestTargets } from '../../ledger/suggest.ts';
import type { Backend } from '../backend.ts';
import { followAddresses } from '../follow-addresses.ts';
import type { Target } from '../target.ts';
import { toAddress } from './address.ts';
import { currentUser } from './current-user.ts';
import { listPage } from './list.ts';
import { releaseRows } from './release.ts';
import { renewRows } from './renew.ts';
import { reserveAddress } from './reserve.ts';
import { takeAddress } from './take-address.ts';

/** The commands on a ledger: the same functions that operator and webhook call. */
export function createLedgerBackend(ledger: LedgerPool): Backend {
  const user = currentUser();
  const backend: Backend = {
    allocate: ({ requestKey, expiresAfterSeconds, ...request }) =>
      takeAddress(ledger, { ...request, state: 'active', requestKey, ttlSeconds: expiresAfterSeconds }, user),
    reserve: (request) => reserveAddress(ledger, request, user),
    release: async (target, { force }) => releaseRows(ledger, await heldRows(ledger, target), { force, actor: user }),
    renew: async (target, { seconds }) => renewRows(ledger, await heldRows(ledger, target), seconds),
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

function auditOf(target: Target | undefined) {
  return target?.kind === 'device' ? { deviceId: target.text } : { mac: target?.mac };
}

/** An address, held or not; or what a device holds. */
async function findRows(ledger: LedgerPool, target: Target): Promise<AddressRow[]> {
  const { mac } = target;
  const rows = target.kind === 'device' ? await findByDevice(ledger, target.text) : [];
  if (rows.length > 0 || mac === undefined) return rows;
  const row = await findByMac(ledger, mac);
  return row === undefined ? [] : [row];
}

async function heldRows(ledger: LedgerPool, target: Target): Promise<AddressRow[]> {
  return (await findRows(ledger, target)).filter(({ state }) => state !== 'released');
}
