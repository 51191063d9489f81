import { vmiNics, vmNics } from '../../api/vm-nics.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { type Observation, observationsOfMacs } from '../../ledger/observation/observations.ts';
import { ADMISSION_OUTCOMES, describeRefusal } from '../../ledger/outcomes.ts';
import type { OutsideAddress } from '../plan/plan.ts';
import { waitsAsReceiver } from '../plan/plan-vm.ts';
import type { AdmissionRefusal, AdmissionRequest } from '../review/admission-review.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { timeLeft, within } from '../review/deadline.ts';
import { refusalOf } from '../review/refusal.ts';

/** What happens to an object with an address of another prefix that another object uses. */
export const DUPLICATES_MODES = ['refuse', 'warn'] as const;
export type DuplicatesMode = (typeof DUPLICATES_MODES)[number];

export interface CheckDuplicatesDeps {
  readonly mode: DuplicatesMode;
  readonly ledger: Queryable;
  readonly clusterId: string;
  /** Returns the segment of a network. */
  readonly segmentOf: (network: string | undefined) => string;
  /** Whether the ledger is known to be away. */
  readonly isLedgerAway: () => boolean;
}

/** An incoming object in a namespace. */
export interface CheckedObject {
  readonly kind: AdmittedObject['kind'];
  readonly namespace: string;
  readonly name: string;
  readonly object: NonNullable<AdmissionRequest['object']>;
}

export type DuplicatesChecked =
  | { readonly ok: true; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly refusal: AdmissionRefusal };

const NOT_CHECKED =
  'rock-mac: the ledger is away, so nobody looked whether another object uses the addresses that this object names';

/**
 * Looks for other objects that use the addresses which the author wrote under other prefixes, as far as the ledger has observed
 * them. Two objects of the same moment both pass: the operator reports them when they run. Without such an address nothing is
 * asked. While the ledger is away, the object passes with a warning, because the ledger gives nothing here.
 *
 * A machine that waits for a guest has the addresses of the machine which the guest leaves.
 */
export async function checkDuplicates(
  outside: readonly OutsideAddress[],
  checked: CheckedObject,
  deps: CheckDuplicatesDeps,
  deadline: number,
): Promise<DuplicatesChecked> {
  if (outside.length === 0 || waitsAsReceiver(checked.object)) return { ok: true, warnings: [] };
  if (deps.isLedgerAway()) return { ok: true, warnings: [NOT_CHECKED] };
  let found: readonly Observation[];
  try {
    const macs = outside.map(({ mac }) => mac);
    found = await within(timeLeft(deadline), observationsOfMacs(deps.ledger, macs));
  } catch (error) {
    if (isLedgerError(error)) return { ok: true, warnings: [NOT_CHECKED] };
    throw error;
  }
  if (found.length === 0) return { ok: true, warnings: [] };
  const duplicates = findDuplicates(outside, found, checked, deps);
  const [first] = duplicates;
  if (first === undefined) return { ok: true, warnings: [] };
  const { duplicate } = ADMISSION_OUTCOMES;
  if (deps.mode === 'refuse') return { ok: false, refusal: refusalOf(duplicate, first) };
  const texts = duplicates.map((facts) => describeRefusal(duplicate, duplicate.admission, facts).cause);
  return { ok: true, warnings: texts.map((text) => `rock-mac: ${text}`) };
}

function findDuplicates(
  outside: readonly OutsideAddress[],
  found: readonly Observation[],
  checked: CheckedObject,
  deps: CheckDuplicatesDeps,
) {
  const networkOf = checked.kind === 'Pod' ? undefined : networksOfMachine(checked);
  const byMac = Map.groupBy(found, ({ mac }) => mac);
  return outside.flatMap(({ nic, mac, network }) => {
    const segment = deps.segmentOf(networkOf === undefined ? network : networkOf.get(nic));
    const other = byMac
      .get(mac)
      ?.find((each) => each.segment === segment && !each.migrates && !isSameObject(each, checked, deps.clusterId));
    return other === undefined ? [] : [{ mac, nic, holder: describe(other, checked, deps.clusterId) }];
  });
}

/** Returns the networks by interface. An incoming machine may not name its namespace yet, and a network without one is in it. */
function networksOfMachine({ kind, namespace, object }: CheckedObject): ReadonlyMap<string, string | undefined> {
  const placed = { ...object, metadata: { ...object.metadata, namespace } };
  const nics = kind === 'VirtualMachine' ? vmNics(placed) : vmiNics(placed);
  return new Map(nics.map(({ nic, network }) => [nic, network]));
}

/** An instance has the name of its machine. An object that is made again has the name of the one before. */
function isSameObject({ object }: Observation, { kind, namespace, name }: CheckedObject, clusterId: string): boolean {
  const isSameKind = (object.kind === 'Pod') === (kind === 'Pod');
  return object.clusterId === clusterId && object.namespace === namespace && object.name === name && isSameKind;
}

/** Names only objects of the same namespace: the author may not be allowed to see others. */
function describe({ object }: Observation, { namespace }: CheckedObject, clusterId: string): string {
  if (object.clusterId !== clusterId) return 'an object of another cluster';
  return object.namespace === namespace ? `${object.kind} ${object.name}` : 'an object of another namespace';
}
