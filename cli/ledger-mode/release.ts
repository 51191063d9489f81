import type { AddressRow } from '../../ledger/address/address-row.ts';
import { release } from '../../ledger/address/release.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { addressView } from '../../ledger/view/address-view.ts';
import type { Releases } from '../backend.ts';
import { refusal, type Refusal } from '../errors.ts';

/** Releases addresses. Those that objects of active clusters hold are always kept, even with `force`. */
export async function releaseRows(
  ledger: Queryable,
  rows: readonly AddressRow[],
  { force, actor }: { readonly force: boolean; readonly actor: string },
): Promise<Releases> {
  const retired = await retiredClusters(ledger, rows);
  const isInCluster = (row: AddressRow) => row.owner !== undefined && !retired.has(row.owner.clusterId);
  const releasable = rows.filter((row) => !isInCluster(row));
  const outcomes = await release(ledger, releasable, { force, actor, reason: 'released with rock-mac' });
  const released = releasable.filter((_, index) => outcomes[index]?.outcome === 'released').map(addressView);
  const refused = releasable.flatMap((row, index) => {
    const outcome = outcomes[index];
    const address = addressView(row);
    if (outcome?.outcome === 'needs_force') return [{ address, refusal: needsForce(row) }];
    if (outcome?.outcome === 'invalid') return [{ address, refusal: refusal('The release was refused:', outcome.why) }];
    return []; // somebody else has released it meanwhile
  });
  const inCluster = rows.filter(isInCluster).map((row) => ({ address: addressView(row), refusal: heldInCluster(row) }));
  return { released, kept: [...refused, ...inCluster] };
}

async function retiredClusters(ledger: Queryable, rows: readonly AddressRow[]): Promise<ReadonlySet<string>> {
  if (rows.every(({ owner }) => owner === undefined)) return new Set();
  const clusters = await listClusters(ledger);
  return new Set(clusters.filter(({ retiredAt }) => retiredAt !== undefined).map(({ clusterId }) => clusterId));
}

function needsForce({ mac, state }: AddressRow): Refusal {
  return refusal(`${mac} is ${state}, so it was not released.`, 'Add --force to release it anyway.', 'conflict');
}

function heldInCluster({ mac, owner }: AddressRow): Refusal {
  const { kind = 'object', namespace = '', name = '' } = owner ?? {};
  return refusal(
    `${mac} is held by ${kind} ${namespace}/${name} in a cluster, so it was not released.`,
    `Delete the ${kind} there: that releases the address. If the cluster no longer exists, run \`rock-mac cluster retire\`.`,
    'conflict',
  );
}
