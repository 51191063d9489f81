import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { BindItem, BindOutcome } from '../../ledger/address/bind.ts';
import { deleteAllocation } from '../allocation/delete-allocation.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { describeAddress, liveKey, type WorkloadAddress } from '../live/live-address.ts';
import { ensureMirror, type EnsureMirrorDeps } from '../mirror/ensure.ts';
import { mirrorStatus } from '../mirror/status.ts';
import { classify } from './classify.ts';

export type BindDeps = EnsureMirrorDeps & Pick<OperatorDeps, 'groupedCalls' | 'clusterId' | 'now'>;

/** The row of an address that is to be bound. */
export interface BindableRow extends AddressRow {
  /** For whom a webhook answered with it, if it is of a stock: the token of the object has proven it. */
  readonly stockedFor?: string | undefined;
}

/** Ensures the mirror of an address and binds the address to its object. Reports on the mirror what is wrong with it. */
export async function mirrorAndBind(address: WorkloadAddress, found: BindableRow, deps: BindDeps): Promise<void> {
  const { workload, kind, mac, owner } = address;
  const row = { ...found, requester: found.stockedFor ?? found.requester };
  const mirror = await ensureMirror({ workload, kind, nic: owner.nic, mac, row, clusterId: deps.clusterId }, deps);
  if (row.key !== liveKey(address)) await bindAddress(address, row, mirror, deps);
  if (mirror === undefined) return;
  await writeStatus(macAllocations, mirror, mirrorStatus(mirror, address, deps), deps.client);
}

/** Returns the item that binds an address to the object that uses it. */
export function bindItem(address: WorkloadAddress, { key, stockedFor }: BindableRow): BindItem {
  const { mac, owner } = address;
  return { mac, key, boundKey: liveKey(address), owner, requester: stockedFor };
}

/**
 * Replaces the holder key of the admission by the key of the stored object. Deletes the mirror if somebody else has the address
 * by now, because a mirror proves that the ledger gave the address to its object.
 */
async function bindAddress(
  address: WorkloadAddress,
  row: BindableRow,
  mirror: MacAllocation | undefined,
  deps: Pick<BindDeps, 'groupedCalls' | 'client' | 'logger'>,
): Promise<void> {
  const { client, logger } = deps;
  const { mac } = address;
  const result = await bindOrFollow(address, row, deps);
  if (result.outcome !== 'bound') {
    if (mirror !== undefined) await deleteAllocation(mirror.metadata, client);
    throw new Error(`${mac} could not be bound to its object: ${result.outcome}`);
  }
  logger.info({ ...describeAddress(address), pool: row.pool }, 'address bound');
}

/** Binds an address. The webhook may report its answer to the ledger at the same moment: then the address is pending by now. */
async function bindOrFollow(
  address: WorkloadAddress,
  row: BindableRow,
  { groupedCalls }: Pick<BindDeps, 'groupedCalls'>,
): Promise<BindOutcome> {
  const result = await groupedCalls.bind(bindItem(address, row));
  if (result.outcome === 'bound' || row.stockedFor === undefined) return result;
  const current = await groupedCalls.findByMac(address.mac);
  if (current === undefined || classify(address, current) !== 'pending') return result;
  return await groupedCalls.bind(bindItem(address, current));
}
