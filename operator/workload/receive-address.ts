import type { AddressRow } from '../../ledger/address/address-row.ts';
import { receive } from '../../ledger/address/handover.ts';
import { deleteAllocation } from '../allocation/delete-allocation.ts';
import type { GuestDeps } from '../allocation/migrated-guest.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { describeAddress, isStored, liveKey, type WorkloadAddress } from '../live/live-address.ts';
import { namespaceTerms } from '../live/namespace-terms.ts';
import { eventSubjectOf } from '../live/workload.ts';
import { ensureMirror } from '../mirror/ensure.ts';
import { isContested } from '../observation/is-contested.ts';
import { reportConflict } from '../observation/report-conflict.ts';
import { type BindDeps, mirrorAndBind } from './bind.ts';
import { endUnearnedMirror } from './end-unearned-mirror.ts';
import { leaveUnseen } from './leave-unseen.ts';

export type ReceiveAddressDeps = BindDeps & GuestDeps & Pick<OperatorDeps, 'ledger' | 'actor' | 'events'>;

/**
 * Gives a machine the address that another machine offered to it and has left. Until that one ends, the address stays with it, and
 * two machines that both agree are no conflict, unless the receiver runs a guest of its own beside that of the source.
 *
 * The mirror is first, as for every address. After a crash behind it, the next reconcile goes on; if the machine has ended by
 * then, its mirror finds that it holds nothing, and the address is released for the owner that left it.
 */
export async function receiveAddress(
  address: WorkloadAddress,
  row: AddressRow,
  deps: ReceiveAddressDeps,
): Promise<'kept' | 'contested'> {
  const { ledger, client, clusterId, actor, logger } = deps;
  const { mac, owner, kind, workload } = address;
  if (!(await isLeft(address, row, deps))) return 'contested';
  if (!(await isStored(address, client))) return 'kept';
  const next = { ...row, generation: row.generation + 1 };
  const mirror = await ensureMirror({ workload, kind, nic: owner.nic, mac, row: next, clusterId }, deps);
  const { maxAddresses } = await namespaceTerms(owner.namespace, deps);
  const why = { requester: row.requester, reason: `left by ${describeOwner(row)}` };
  const [result] = await receive(ledger, [{ ...row, newKey: liveKey(address), owner, maxAddresses, ...why }], actor);
  logger.info({ ...describeAddress(address), outcome: result?.outcome }, 'address received from another machine');
  if (result?.outcome === 'received') {
    await mirrorAndBind(address, { ...next, key: liveKey(address) }, deps);
    return 'kept';
  }
  // A mirror proves a right.
  if (mirror !== undefined) await deleteAllocation(mirror.metadata, client);
  if (result?.outcome === 'pool_quota' || result?.outcome === 'namespace_quota') reportQuota(address, deps);
  return 'contested';
}

/** Returns whether the machine may take the address. If not, it must not look as if it had a right, and may not use it yet. */
async function isLeft(address: WorkloadAddress, row: AddressRow, deps: ReceiveAddressDeps): Promise<boolean> {
  if (row.handover?.left === true || (await leaveUnseen(row, address.kind, deps))) return true;
  await endUnearnedMirror(address, row, deps);
  if (await isContested(address, row, deps)) reportConflict(address, row, deps);
  return false;
}

function describeOwner({ owner, clusterName }: AddressRow): string {
  const { clusterId = '', namespace = '', name = '' } = owner ?? {};
  return `VirtualMachine ${namespace}/${name} of cluster ${clusterName ?? clusterId}`;
}

function reportQuota(
  { workload, kind, mac, owner: { nic } }: WorkloadAddress,
  { events }: Pick<OperatorDeps, 'events'>,
): void {
  const note = `${mac} on interface ${nic} was left to this machine, but its namespace has as many addresses as it may have. Release one, or have the quota of the pool or of the namespace raised`;
  events.record(eventSubjectOf({ workload, kind }), {
    type: 'Warning',
    reason: 'AddressNotReceived',
    action: 'Receive',
    note,
  });
}
