import type { AddressRow } from '../../ledger/address/address-row.ts';
import { describeObject, type LiveObject } from './overlap-detector.ts';

/**
 * Compares the live objects of all clusters with the rows of the ledger that are not free. Returns what is wrong: an
 * address in use that its object does not hold (I1, I2), or a held address that no object uses (I5).
 *
 * @param clusterIds the id of each cluster in the ledger, by its name
 */
export function compareHolders(
  objects: readonly LiveObject[],
  rows: readonly AddressRow[],
  clusterIds: ReadonlyMap<string, string>,
): string[] {
  const byMac = new Map<string, AddressRow>(rows.map((row) => [row.mac, row]));
  const inUse = new Set(objects.flatMap(({ macs }) => macs));
  const wrong: string[] = [];
  for (const object of objects) {
    for (const mac of object.macs) {
      const row = byMac.get(mac);
      if (!isHeldFor(object, row, clusterIds.get(object.cluster)))
        wrong.push(`${mac} is used by ${describeObject(object)}, but the ledger has ${describeRow(row)}`);
    }
  }
  for (const row of rows) {
    if (row.state !== 'released' && !inUse.has(row.mac))
      wrong.push(`${row.mac} is used by nobody, but the ledger has ${describeRow(row)}`);
  }
  return wrong;
}

function isHeldFor(object: LiveObject, row: AddressRow | undefined, clusterId: string | undefined): boolean {
  if (row?.state !== 'active' || row.owner === undefined || row.owner.clusterId !== clusterId) return false;
  const { kind, namespace, name, uid } = row.owner;
  if (object.claim === undefined) return kind === object.kind && uid === object.uid;
  const isItsClaim = kind === 'MacAllocation' && namespace === object.namespace && name === object.claim;
  return isItsClaim && row.consumer?.uid === object.uid;
}

function describeRow(row: AddressRow | undefined): string {
  if (row === undefined) return 'no row';
  const { state, origin, key, owner, consumer, missingSince, observed, reason } = row;
  return JSON.stringify({ state, origin, key, owner, consumer: consumer?.uid, missingSince, observed, reason });
}
