import type { AddressRow } from '../../ledger/address/address-row.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { release } from '../../ledger/address/release.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { Released } from '../backend.ts';
import { UserError } from '../errors.ts';
import { toAddress } from './address.ts';

/** Releases what somebody named by hand. What an object of a living cluster holds is never among it, `force` or not. */
export async function releaseRows(
  ledger: Queryable,
  rows: readonly AddressRow[],
  { force, actor }: { readonly force: boolean; readonly actor: string },
): Promise<Released> {
  const retired = await retiredClusters(ledger, rows);
  const inCluster = (row: AddressRow) => row.owner !== undefined && !retired.has(row.owner.clusterId);
  const ours = rows.filter((row) => !inCluster(row));
  const outcomes = await release(ledger, ours, { force, actor, reason: 'released by hand' });
  const released = ours.filter((_, index) => outcomes[index]?.outcome === 'released').map(toAddress);
  const kept = ours.flatMap((row, index) => {
    const outcome = outcomes[index];
    if (outcome?.outcome === 'needs_force') return [{ address: toAddress(row), why: needsForce(row) }];
    if (outcome?.outcome === 'invalid')
      return [{ address: toAddress(row), why: new UserError('It was refused:', outcome.why) }];
    return []; // released by somebody else in this moment: nobody holds it, as was asked for
  });
  const others = rows.filter(inCluster).map((row) => ({ address: toAddress(row), why: heldInCluster(row) }));
  return { released, kept: [...kept, ...others] };
}

async function retiredClusters(ledger: Queryable, rows: readonly AddressRow[]): Promise<ReadonlySet<string>> {
  if (rows.every(({ owner }) => owner === undefined)) return new Set();
  const clusters = await listClusters(ledger);
  return new Set(clusters.filter(({ retiredAt }) => retiredAt !== undefined).map(({ clusterId }) => clusterId));
}

function needsForce({ mac, state }: AddressRow): UserError {
  return new UserError(
    `${mac} is ${state}, so it was not released.`,
    'Add --force to give it back all the same.',
    'conflict',
  );
}

function heldInCluster({ mac, owner }: AddressRow): UserError {
  const { kind = 'object', namespace = '', name = '' } = owner ?? {};
  return new UserError(
    `${mac} is held by ${kind} ${namespace}/${name} in a cluster, so it was not released.`,
    `Delete the ${kind} there: that releases it. If the cluster is gone: \`rock-mac cluster retire\`.`,
    'conflict',
  );
}
