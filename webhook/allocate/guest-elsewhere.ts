import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { type Observation, observationsOfMac } from '../../ledger/observation/observations.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { timeLeft, within } from '../review/deadline.ts';

/**
 * Returns whether an instance of another name, namespace or cluster uses the address of a virtual machine. A guest that migrated there
 * keeps its addresses, so a machine that is made again under the old name must not get them.
 *
 * @throws LedgerError if the ledger does not say so in time
 */
export async function isUsedElsewhere(
  mac: MacAddress,
  { object, deadline }: { readonly object: AdmittedObject; readonly deadline: number },
  { ledger, clusterId }: { readonly ledger: Queryable; readonly clusterId: string },
): Promise<boolean> {
  if (object.kind !== 'VirtualMachine') return false;
  const observations = await within(timeLeft(deadline), observationsOfMac(ledger, mac));
  return observations.some((each) => isGuestElsewhere(each, object, clusterId));
}

/** As `isUsedElsewhere`. What the ledger does not say in time counts as use. */
export async function mayBeUsedElsewhere(...parameters: Parameters<typeof isUsedElsewhere>): Promise<boolean> {
  try {
    return await isUsedElsewhere(...parameters);
  } catch (error) {
    if (error instanceof LedgerError) return true;
    throw error;
  }
}

/** An instance has the name of its machine. Everybody may write an address into one, but only KubeVirt says that its guest migrates. */
function isGuestElsewhere(
  { object, migrates }: Observation,
  { namespace, name }: Pick<AdmittedObject, 'namespace' | 'name'>,
  clusterId: string,
): boolean {
  const isHere = object.clusterId === clusterId && object.namespace === namespace && object.name === name;
  return object.kind === 'VirtualMachineInstance' && migrates && !isHere;
}
