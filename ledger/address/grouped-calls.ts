import type { MacAddress } from '../../mac/mac-address.ts';
import type { Queryable } from '../connection/statement.ts';
import { groupCalls } from '../group-calls.ts';
import { type Observation, observationsOfObjects } from '../observation/observations.ts';
import type { AddressRow } from './address-row.ts';
import { bind, type BindItem, type BindOutcome } from './bind.ts';
import { findByHolderKeys, findByMacs, findByOwnerUids } from './find.ts';
import { release, type ReleaseItem, type ReleaseOutcome } from './release.ts';

/** Calls for one address, sent to the ledger together with others of the same time. */
export interface GroupedCalls {
  /** Returns the row of one address, or `undefined` if it was never handed out. */
  readonly findByMac: (mac: MacAddress) => Promise<AddressRow | undefined>;
  /** Returns the address that a key holds now. */
  readonly findByHolderKey: (key: string) => Promise<AddressRow | undefined>;
  /** Returns the addresses that an object of the cluster holds now. */
  readonly findByOwnerUid: (uid: string) => Promise<readonly AddressRow[]>;
  /** Returns the observations of an object of the cluster. */
  readonly observationsOfObject: (uid: string) => Promise<readonly Observation[]>;
  readonly bind: (item: BindItem) => Promise<BindOutcome>;
  /** Releases the address of an object that is gone. */
  readonly releaseGone: (address: ReleaseItem) => Promise<ReleaseOutcome>;
}

/** The reason in the audit of a release after the object's end. */
export const OBJECT_IS_GONE = 'object is gone';

/** A statement for 128 addresses takes some milliseconds. */
const LIMIT = 128;

export function createGroupedCalls(
  db: Queryable,
  { clusterId, actor }: { readonly clusterId: string; readonly actor: string },
): GroupedCalls {
  return {
    findByMac: groupCalls(async (macs: readonly MacAddress[]) => {
      const rows = new Map((await findByMacs(db, macs)).map((row) => [row.mac, row]));
      return macs.map((mac) => rows.get(mac));
    }, LIMIT),
    findByHolderKey: groupCalls(async (keys: readonly string[]) => {
      const rows = new Map((await findByHolderKeys(db, keys)).map((row) => [row.key, row]));
      return keys.map((key) => rows.get(key));
    }, LIMIT),
    findByOwnerUid: groupCalls(async (uids: readonly string[]) => {
      const rows = Map.groupBy(await findByOwnerUids(db, clusterId, uids), ({ owner }) => owner?.uid);
      return uids.map((uid) => rows.get(uid) ?? []);
    }, LIMIT),
    observationsOfObject: groupCalls(async (uids: readonly string[]) => {
      const found = Map.groupBy(await observationsOfObjects(db, { clusterId, uids }), ({ object }) => object.uid);
      return uids.map((uid) => found.get(uid) ?? []);
    }, LIMIT),
    bind: groupCalls((items: readonly BindItem[]) => bind(db, items, actor), LIMIT),
    releaseGone: groupCalls(
      (addresses: readonly ReleaseItem[]) => release(db, addresses, { actor, reason: OBJECT_IS_GONE }),
      LIMIT,
    ),
  };
}
