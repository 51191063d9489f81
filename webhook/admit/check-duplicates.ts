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
import { decideDuplicate } from './decide-duplicate.ts';

/** Whether an object with an address of another prefix that another object uses can be refused. */
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
  readonly now: () => Date;
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
  const { duplicate } = ADMISSION_OUTCOMES;
  const refused = deps.mode === 'refuse' ? duplicates.find(({ isRefused }) => isRefused) : undefined;
  if (refused !== undefined) return { ok: false, refusal: refusalOf(duplicate, refused.facts) };
  const texts = duplicates.map(({ facts }) => describeRefusal(duplicate, duplicate.admission, facts).cause);
  return { ok: true, warnings: texts.map((text) => `rock-mac: ${text}`) };
}

function findDuplicates(
  outside: readonly OutsideAddress[],
  found: readonly Observation[],
  checked: CheckedObject,
  { clusterId, segmentOf, now }: CheckDuplicatesDeps,
) {
  const networkOf = checked.kind === 'Pod' ? undefined : networksOfMachine(checked);
  const byMac = Map.groupBy(found, ({ mac }) => mac);
  const incoming = { ...checked, clusterId };
  return outside.flatMap(({ nic, mac, network }) => {
    const segment = segmentOf(networkOf === undefined ? network : networkOf.get(nic));
    const inSegment = byMac.get(mac)?.filter((each) => each.segment === segment) ?? [];
    const duplicate = decideDuplicate(inSegment, incoming, now());
    return duplicate === undefined
      ? []
      : [{ isRefused: duplicate.isRefused, facts: { mac, nic, holder: duplicate.holder } }];
  });
}

/** Returns the networks by interface. An incoming machine may not name its namespace yet, and a network without one is in it. */
function networksOfMachine({ kind, namespace, object }: CheckedObject): ReadonlyMap<string, string | undefined> {
  const placed = { ...object, metadata: { ...object.metadata, namespace } };
  const nics = kind === 'VirtualMachine' ? vmNics(placed) : vmiNics(placed);
  return new Map(nics.map(({ nic, network }) => [nic, network]));
}
