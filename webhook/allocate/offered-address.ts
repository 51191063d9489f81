import { findByMac } from '../../ledger/address/find.ts';
import { isOfferedTo } from '../../ledger/address/handover.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { timeLeft, within } from '../review/deadline.ts';

/**
 * Returns whether a virtual machine may have a held address, because it waits for the guest of the machine that holds it, and that
 * one offers the address to it. The guest keeps its addresses while it migrates, so both machines have them for a while.
 *
 * The ledger changes nothing here. The operator moves the address when its owner has ended.
 */
export async function isOffered(
  mac: MacAddress,
  { object, deadline }: { readonly object: AdmittedObject; readonly deadline: number },
  { ledger, clusterId }: { readonly ledger: Queryable; readonly clusterId: string },
): Promise<boolean> {
  if (object.waitsAsReceiver !== true || object.name === '') return false;
  try {
    const row = await within(timeLeft(deadline), findByMac(ledger, mac));
    return row !== undefined && isOfferedTo(row, { ...object, clusterId });
  } catch (error) {
    if (error instanceof LedgerError) return false;
    throw error;
  }
}
