import { macAllocations } from '../../kube/client/mac-resources.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { bind } from '../../ledger/address/bind.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { ensureMirror, type EnsureMirrorDeps } from '../mirror/ensure.ts';
import { boundStatus } from '../mirror/status.ts';
import { describeAddress, liveKey, type WorkloadAddress } from './live-address.ts';

export type BindDeps = EnsureMirrorDeps & Pick<OperatorDeps, 'ledger' | 'actor' | 'clusterId' | 'now'>;

/** Ensures the mirror of an address, binds the address to its object, and writes the mirror's status. */
export async function mirrorAndBind(address: WorkloadAddress, row: AddressRow, deps: BindDeps): Promise<void> {
  const { workload, kind, mac, owner } = address;
  const subject = { workload, kind, nic: owner.nic, mac, pool: row.pool, requester: row.requester };
  const mirror = await ensureMirror(subject, deps);
  const generation = row.key === liveKey(address) ? row.generation : await bindAddress(address, row, deps);
  if (mirror === undefined) return;
  const status = boundStatus(mirror, { mac, generation, allocatedAt: row.allocatedAt }, deps);
  await writeStatus(macAllocations, mirror, status, deps.client);
}

/** Replaces the holder key of the admission by the key of the stored object. Returns the address's generation. */
async function bindAddress(
  address: WorkloadAddress,
  row: AddressRow,
  { ledger, actor, logger }: Pick<BindDeps, 'ledger' | 'actor' | 'logger'>,
): Promise<number> {
  const { mac, owner } = address;
  const [result] = await bind(ledger, [{ mac, key: row.key, boundKey: liveKey(address), owner }], actor);
  if (result?.outcome !== 'bound') {
    throw new Error(`${mac} could not be bound to its object: ${result?.outcome ?? 'no result'}`);
  }
  logger.info({ ...describeAddress(address), pool: row.pool }, 'address bound');
  return result.generation;
}
