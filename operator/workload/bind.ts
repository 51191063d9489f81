import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { describeAddress, liveKey, type WorkloadAddress } from '../live/live-address.ts';
import { deleteMirror } from '../mirror/delete-mirror.ts';
import { ensureMirror, type EnsureMirrorDeps } from '../mirror/ensure.ts';
import { mirrorStatus } from '../mirror/status.ts';

export type BindDeps = EnsureMirrorDeps & Pick<OperatorDeps, 'groupedCalls' | 'clusterId' | 'now'>;

/** Ensures the mirror of an address and binds the address to its object. Reports on the mirror what is wrong with it. */
export async function mirrorAndBind(address: WorkloadAddress, row: AddressRow, deps: BindDeps): Promise<void> {
  const { workload, kind, mac, owner } = address;
  const mirror = await ensureMirror({ workload, kind, nic: owner.nic, mac, row, clusterId: deps.clusterId }, deps);
  if (row.key !== liveKey(address)) await bindAddress(address, row, mirror, deps);
  if (mirror === undefined) return;
  await writeStatus(macAllocations, mirror, mirrorStatus(mirror, address.isOnlyReported !== true, deps), deps.client);
}

/**
 * Replaces the holder key of the admission by the key of the stored object. Deletes the mirror if somebody else has the address
 * by now, because a mirror proves that the ledger gave the address to its object.
 */
async function bindAddress(
  address: WorkloadAddress,
  row: AddressRow,
  mirror: MacAllocation | undefined,
  { groupedCalls, client, logger }: Pick<BindDeps, 'groupedCalls' | 'client' | 'logger'>,
): Promise<void> {
  const { mac, owner } = address;
  const result = await groupedCalls.bind({ mac, key: row.key, boundKey: liveKey(address), owner });
  if (result.outcome !== 'bound') {
    if (mirror !== undefined) await deleteMirror(mirror.metadata, client);
    throw new Error(`${mac} could not be bound to its object: ${result.outcome}`);
  }
  logger.info({ ...describeAddress(address), pool: row.pool }, 'address bound');
}
