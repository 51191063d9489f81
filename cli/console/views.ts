import type { AddressDetails, ClusterView, HistoryPoint, LedgerView, PoolView, SearchHit } from '../../api/console.ts';
import type { ClusterObject, LedgerObject } from '../../api/ledger-view.ts';
import { matchText } from '../../ledger/address/search.ts';
import type { PoolHour } from '../../ledger/pool/history.ts';
import type { Pool } from '../../ledger/pool/pools.ts';
import { encodeReceiver } from '../../ledger/view/address-view.ts';
import type { Assignment } from '../assignment.ts';
import type { Address, ObservedOn, PoolCounts } from '../backend.ts';
import { nextEvent } from '../output/address-details.ts';
import { qualifiedName, shownState } from '../output/address-list.ts';

/*
 * The data of the console, made of what the commands show. Both modes use it.
 */

/** Returns who holds an address, or held it last, as `kind namespace/name` or as the name of the device. */
export function holderText({ device, owner }: Pick<Address, 'device' | 'owner'>): string {
  return device?.id ?? (owner === undefined ? '' : `${owner.kind} ${qualifiedName(owner)}`);
}

/** Returns the hit of a search. An address that another program found counts as found in its metadata. */
export function searchHit(address: Address, text: string): SearchHit {
  const { mac, pool, owner, clusterName } = address;
  const { found, value } = matchText(address, text) ?? { found: 'metadata', value: '' };
  const holder = address.generation === 0 ? '' : holderText(address);
  return { mac, pool, state: shownState(address), holder, cluster: clusterName ?? owner?.clusterId, found, value };
}

/** Returns everything that is known about an address, with the moments as texts. */
export function addressDetails(address: Address, assignment: Assignment, now: Date): AddressDetails {
  const { metadata, observedOn, allocatedAt, changedAt, expiresAt, releasedAt, reusableAt, ...rest } = address;
  const { missingSince, keptSince, offeredTo, ...shown } = rest;
  return {
    ...shown,
    ...assignment,
    attributes: Object.keys(metadata).length === 0 ? undefined : { ...metadata },
    allocatedAt: allocatedAt?.toISOString(),
    changedAt: changedAt?.toISOString(),
    expiresAt: expiresAt?.toISOString(),
    releasedAt: releasedAt?.toISOString(),
    reusableAt: reusableAt?.toISOString(),
    missingSince: missingSince?.toISOString(),
    keptSince: keptSince?.toISOString(),
    offeredTo: encodeReceiver(offeredTo),
    observedOn: observedOn?.map(({ since, ...object }) => ({ ...object, since: since.toISOString() })),
    conflicts: conflictsOf(address),
    next: nextEvent(address, now),
    nextAt: nextMoment(address, now)?.toISOString(),
  };
}

/** Returns a sentence for each object that uses the address of another one. */
function conflictsOf(address: Address): string[] {
  const { state, observedOn = [] } = address;
  if (state === 'released') return [];
  const holder = holderText(address);
  return observedOn.map((object) => `${objectText(object)} uses the address of ${holder === '' ? 'nobody' : holder}.`);
}

function objectText({ kind, namespace, name, nic }: ObservedOn): string {
  return `${kind} ${namespace}/${name} (${nic})`;
}

/** Returns when time decides about an address next. */
function nextMoment({ state, expiresAt, reusableAt, observed }: Address, now: Date): Date | undefined {
  const moment = state === 'released' ? (observed === true ? undefined : reusableAt) : expiresAt;
  return moment !== undefined && moment > now ? moment : undefined;
}

/** Returns a pool with its periods. */
export function poolView(counts: PoolCounts, pools: readonly Pool[]): PoolView {
  const pool = pools.find(({ name }) => name === counts.pool);
  return {
    ...counts,
    reuseDelaySeconds: pool?.reuseDelaySeconds,
    autoReleaseSeconds: pool?.autoReleaseSeconds ?? undefined,
  };
}

export function historyPoint({ hour, held, handedOut, released }: PoolHour): HistoryPoint {
  return { at: hour.toISOString(), held, handedOut, released };
}

const DAY_MS = 86_400_000;

/** Returns the moment so many days before now. */
export function daysBefore(now: Date, days: number): Date {
  return new Date(now.getTime() - days * DAY_MS);
}

/** Returns a cluster from its object in the read API. */
export function clusterView({ metadata, clusterName, apiVersion: _, kind: __, ...view }: ClusterObject): ClusterView {
  return { ...view, clusterId: metadata.name, name: clusterName };
}

/** Returns the state of the ledger from its object in the read API. */
export function ledgerView(object: LedgerObject): LedgerView {
  const { metadata, prefixes, epoch, mode, durability, closed, expiryHeld, waitsFor, needsApproval, ...rest } = object;
  const { auditHead, schemaVersion, postgresVersion, lastSeal, unsealed, forks } = rest;
  const state = { epoch, mode, durability, closed, expiryHeld, waitsFor, needsApproval };
  return {
    ledgerId: metadata.name,
    prefixes: prefixes.map(({ prefix }) => prefix),
    ...state,
    auditHead,
    schemaVersion,
    postgresVersion,
    seals: { ...lastSeal, unsealed, forks },
  };
}
