import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Workload } from '../live/workload.ts';
import type { NameState } from './retention.ts';

/**
 * Reads without a cache whether an object of the name of a sticky address exists, and whether it may use the address.
 *
 * The annotations of a pod can be edited while it runs, and its interface keeps the address. So a pod without the address counts as
 * one that never had it only if it was created shortly before a resync missed the address: an older pod had it then.
 */
export async function readNameState(
  row: Pick<AddressRow, 'mac' | 'owner' | 'missingSince'>,
  deps: Pick<OperatorDeps, 'kinds' | 'client' | 'resyncEveryMs'>,
): Promise<NameState> {
  const { mac, owner, missingSince } = row;
  const kind = deps.kinds.find(({ resource }) => resource.kind === owner?.kind);
  if (kind === undefined || owner === undefined || missingSince === undefined) return 'in-use';
  const { namespace, name } = owner;
  const found = await getOrUndefined(kind.resource, { namespace, name }, deps.client);
  if (found === undefined || found.finished === true) {
    return (await kind.stillUses({ namespace, name, uid: '', mac }, deps.client)) ? 'in-use' : 'absent';
  }
  // A pod with our gate asks for its addresses when the ledger is back.
  if (found.gate !== undefined || found.uses.includes(mac)) return 'in-use';
  const mayUse = kind.endsItsUse
    ? hadItBefore(found, missingSince, deps.resyncEveryMs)
    : await kind.stillUses({ namespace, name, uid: found.metadata.uid, mac }, deps.client);
  return mayUse ? 'in-use' : 'without';
}

/** The resync that missed the address came at most one interval, and its own time, after the one that saw it. */
function hadItBefore({ metadata }: Workload, missingSince: Date, resyncEveryMs: number): boolean {
  const createdAt = Date.parse(metadata.creationTimestamp ?? '');
  return !(createdAt > missingSince.getTime() - 2 * resyncEveryMs);
}
