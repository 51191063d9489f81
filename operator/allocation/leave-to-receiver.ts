import { isObjectName } from '../../kube/client/object-name.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { leave } from '../../ledger/address/handover.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { machines } from '../live/kubevirt-kinds.ts';

export type LeaveDeps = Pick<OperatorDeps, 'ledger' | 'client' | 'clusterId'> & Pick<Sources, 'workloads'>;

/**
 * Leaves the address of a machine that has ended to the machine that it was offered to, and returns `left` if that one has it. The
 * operator of that machine, maybe in another cluster, then takes it. Repeating the call changes nothing while the address
 * waits to be taken. `waits`: the other cluster has not compared itself with the ledger since the end, so the receiver may exist there.
 * An address that the receiver does not have is released as any other.
 */
export async function leaveToReceiver(row: AddressRow, deps: LeaveDeps): Promise<'left' | 'waits' | undefined> {
  const { handover } = row;
  if (handover === undefined) return undefined;
  const inUse = handover.clusterId === deps.clusterId && (await hasAddress(handover, row, deps));
  const [result] = await leave(deps.ledger, [{ ...row, inUse }]);
  return result?.outcome === 'left' || result?.outcome === 'waits' ? result.outcome : undefined;
}

async function hasAddress(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { mac }: Pick<AddressRow, 'mac'>,
  { client, workloads }: Pick<LeaveDeps, 'client' | 'workloads'>,
): Promise<boolean> {
  // The author of a machine writes the receiver as any text.
  if (!isObjectName(namespace) || !isObjectName(name)) return false;
  const known = workloads.get(machines.kind);
  const live = known && (await getOrUndefined(known.kind.resource, { namespace, name }, client));
  return live?.uses.includes(mac) === true;
}
