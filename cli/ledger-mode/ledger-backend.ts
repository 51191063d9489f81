import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByDevice, findByMac, listAddresses } from '../../ledger/address/find.ts';
import { ADDRESS_STATES } from '../../ledger/address/owner.ts';
import { searchAddresses } from '../../ledger/address/search.ts';
import { suggestTargets } from '../../ledger/address/suggest.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { rollingBack } from '../../ledger/connection/rolling-back.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { poolHistory } from '../../ledger/pool/history.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { listPrefixes } from '../../ledger/pool/prefixes.ts';
import { stateMap } from '../../ledger/pool/state-map.ts';
import { ledgerReservations } from '../../ledger/reservations/ledger-source.ts';
import { addressView } from '../../ledger/view/address-view.ts';
import { allocateEach } from '../allocate-each.ts';
import type { Address, AuditQuery, Backend, CommandResult, ListQuery } from '../backend.ts';
import { followAddresses } from '../follow-addresses.ts';
import { objectNamed } from '../parse-owner.ts';
import type { Target } from '../target.ts';
import { allocateAddress, reserveAddress } from './allocate-address.ts';
import { auditPage } from './audit-page.ts';
import { changePool } from './change-pool.ts';
import { currentUser } from './current-user.ts';
import { listObserved } from './list-observed.ts';
import { filterOf, listPage } from './list-page.ts';
import { findReleasable, releaseRows, releaseSeen } from './release.ts';
import { renewRows } from './renew.ts';
import { sealOnTheSide } from './seal.ts';
import { setOnRows } from './set.ts';
import { transferToDevice } from './transfer.ts';
import { withObservers } from './with-observers.ts';

/** More addresses than one object ever holds. */
const MAX_PER_OBJECT = 1_000;

/** Some months of all pools. */
const MOST_HOURS = 100_000;

interface BackendOptions {
  readonly dryRun: boolean;
  /** Throws a UserError if the ledger must not hand out anything yet. */
  readonly beforeAllocation: () => Promise<void>;
}

/**
 * Runs the commands on a ledger, with the same functions as the operator and the webhook. A dry run executes the change
 * and rolls it back, so it has the same result as the command would have now.
 */
export function createLedgerBackend(ledger: LedgerClient, { dryRun, beforeAllocation }: BackendOptions): Backend {
  const user = currentUser();
  const change = <R>(use: (db: Queryable) => Promise<R>) =>
    dryRun ? rollingBack(ledger).transaction(use) : use(ledger);

  const list = (query: ListQuery) => listPage(ledger, query);
  const audit = (query: AuditQuery) => auditPage(ledger, query);
  const find = async (target: Target): Promise<Address[]> => {
    const found: Address[] = [];
    for (const row of await findRows(ledger, target)) found.push(await withObservers(ledger, row));
    return found;
  };

  return {
    allocate: async ({ requestKey, expiresAfterSeconds: ttlSeconds, ...request }) => {
      await beforeAllocation();
      const result = await change((db) =>
        allocateAddress(db, { ...request, state: 'active', requestKey, ttlSeconds }, user),
      );
      return dryRun ? describeDryRun('allocate', result, (address) => [address]) : result;
    },
    allocateSet: async ({ count, requestKey, expiresAfterSeconds: ttlSeconds, ...request }) => {
      await beforeAllocation();
      const places = Array.from({ length: count }, (_, index) => index + 1);
      const result = await change((db) =>
        // One after the other: a dry run is one transaction.
        allocateEach(places, 1, (place) =>
          allocateAddress(db, { ...request, state: 'active', requestKey, place, ttlSeconds }, user),
        ),
      );
      return dryRun ? describeDryRun('allocate', result, ({ addresses }) => addresses) : result;
    },
    reserve: async (request) => {
      await beforeAllocation();
      const result = await change((db) => reserveAddress(db, request, user));
      return dryRun ? describeDryRun('reserve', result, (address) => [address]) : result;
    },
    transfer: async (request) => {
      await beforeAllocation();
      const result = await change((db) => transferToDevice(db, request, user));
      return dryRun ? describeDryRun('hand over', result, (address) => [address]) : result;
    },
    set: async (target, request) => {
      const result = await change(async (db) => setOnRows(db, () => heldRows(db, target), request, user));
      return dryRun ? describeDryRun('change', result, (addresses) => addresses) : result;
    },
    release: (target, options) =>
      change(async (db) => releaseRows(db, await heldRows(db, target), { ...options, actor: user })),
    releasable: (query) => findReleasable(ledger, query),
    releaseEach: (addresses, options) => change((db) => releaseSeen(db, addresses, { ...options, actor: user })),
    renew: async (target, options) => {
      const result = await change(async (db) => renewRows(db, await heldRows(db, target), { ...options, actor: user }));
      return dryRun ? describeDryRun('renew', result, (addresses) => addresses) : result;
    },
    find: async (target) => ({ addresses: await find(target), fromLedger: true }),
    list,
    listObserved: (query) => listObserved(ledger, query),
    watch: (query, listener) => {
      const findOne = (mac: Address['mac']) => find({ kind: 'mac', text: mac, mac });
      return followAddresses({ list, audit, findByMac: findOne }, query, listener);
    },
    reservations: (filters) => ledgerReservations(ledger, filterOf(filters)),
    search: async (text, limit) => (await searchAddresses(ledger, text, limit)).map(addressView),
    stats: () => poolStats(ledger),
    history: async (since) => {
      await sealOnTheSide(ledger); // changes count once they are sealed, and perhaps no operator does that
      return await poolHistory(ledger, { since, limit: MOST_HOURS });
    },
    map: (first, count) => stateMap(ledger, first, count),
    audit,
    pools: () => listPools(ledger),
    changePool: async (poolChange) => {
      const line = await change((db) => changePool(db, poolChange, user));
      return dryRun
        ? { kind: 'dry-run', message: `Dry run, nothing was changed. ${line}` }
        : { kind: 'done', value: line };
    },
    prefixes: () => listPrefixes(ledger),
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
function describeDryRun<T>(
  verb: string,
  result: CommandResult<T>,
  addressesOf: (value: T) => readonly Address[],
): CommandResult<T> {
  if (result.kind !== 'done') return result;
  const addresses = addressesOf(result.value);
  if (addresses.length === 0) return result;
  const names = addresses.map(({ mac, pool }) => `${mac} of pool ${pool}`).join(', ');
  return { kind: 'dry-run', message: `Would ${verb} ${names} (dry run).` };
}

/** Returns the row of an address in any state, or the rows that a device holds. */
async function findRows(ledger: Queryable, target: Target): Promise<AddressRow[]> {
  const { mac } = target;
  const rows = target.kind === 'device' ? await findByDevice(ledger, target.text) : [];
  if (rows.length > 0) return rows;
  if (mac === undefined) return findByObject(ledger, target.text);
  const row = await findByMac(ledger, mac);
  return row === undefined ? [] : [row];
}

/**
 * Returns the rows that an object of a cluster holds. A ledger has no current namespace, so the name needs one: a script
 * that releases a device must not meet a pod of the same name.
 */
async function findByObject(ledger: Queryable, text: string): Promise<AddressRow[]> {
  const object = objectNamed(text);
  if (object?.namespace === undefined) return [];
  const states = ADDRESS_STATES.filter((state) => state !== 'released');
  return listAddresses(ledger, { ...object, states, limit: MAX_PER_OBJECT });
}

async function heldRows(ledger: Queryable, target: Target): Promise<AddressRow[]> {
  return (await findRows(ledger, target)).filter(({ state }) => state !== 'released');
}
