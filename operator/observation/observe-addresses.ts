import { observe } from '../../ledger/observation/observe.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { describeAddress, type WorkloadAddress } from '../live/live-address.ts';
import { eventSubjectOf, isMigrating } from '../live/workload.ts';
import type { ObservationBudget } from './observation-budget.ts';

export type ObserveAddressesDeps = Pick<OperatorDeps, 'ledger' | 'actor' | 'events' | 'metrics' | 'logger'> & {
  readonly observationBudget: ObservationBudget;
};

/** An address to observe. */
export interface SeenAddress {
  readonly address: WorkloadAddress;
  /** Whether nobody in the namespace of the object may use the pool of the address. */
  readonly limited: boolean;
}

/**
 * Records addresses that live objects use and that the ledger did not give them, so nobody else gets them meanwhile. Beyond
 * the limits an address stays unprotected: the object gets an Event, and a metric counts it.
 */
export async function observeAddresses(seen: readonly SeenAddress[], deps: ObserveAddressesDeps): Promise<void> {
  const { ledger, actor, logger, observationBudget } = deps;
  const affordable = seen.filter(({ address, limited }) => !limited || observationBudget.take(address.owner.namespace));
  const items = affordable.map(({ address: { mac, owner, workload }, limited }) => {
    return { mac, object: owner, limited, migrates: isMigrating(workload) };
  });
  const outcomes = items.length === 0 ? [] : await observe(ledger, items, actor);
  const unprotected = seen.filter((each) => !affordable.includes(each)).map(({ address }) => address);
  const observed: WorkloadAddress[] = [];
  for (const [index, { address }] of affordable.entries()) {
    const outcome = outcomes[index]?.outcome;
    if (outcome === 'known') continue;
    if (outcome === 'observed') observed.push(address);
    else unprotected.push(address);
    logger.info({ ...describeAddress(address), outcome }, 'address of a live object observed');
  }
  reportUnprotected(unprotected, deps);
  reportObserved(observed, deps);
}

/** Records one Event per object, whatever the number of its addresses. */
function reportObserved(addresses: readonly WorkloadAddress[], deps: Pick<OperatorDeps, 'events'>): void {
  for (const [first, more] of byObject(addresses)) {
    const note = `${first.mac} on interface ${first.owner.nic}${more} was not given to this object by rock-mac. While it is in use, nobody else gets it, but this object has no right to it. To keep it, ask a pool admin for rock-mac adopt, or request it with a MacAllocation`;
    record(first, 'AddressObserved', note, deps);
  }
}

function reportUnprotected(
  addresses: readonly WorkloadAddress[],
  deps: Pick<OperatorDeps, 'events' | 'metrics'>,
): void {
  deps.metrics.unprotected(addresses.length);
  for (const [first, more] of byObject(addresses)) {
    const note = `${first.mac} on interface ${first.owner.nic}${more} is not protected: rock-mac did not give it to this object, and a limit of observed addresses is reached. Another object may get it. Request addresses from rock-mac instead`;
    record(first, 'AddressNotProtected', note, deps);
  }
}

/** Returns the first address of each object, and a text that counts its others. */
function byObject(addresses: readonly WorkloadAddress[]): readonly (readonly [WorkloadAddress, string])[] {
  return [...Map.groupBy(addresses, ({ owner }) => owner.uid).values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : [[first, others.length === 0 ? '' : ` (and ${String(others.length)} more)`] as const],
  );
}

function record(
  { workload, kind }: WorkloadAddress,
  reason: string,
  note: string,
  { events }: Pick<OperatorDeps, 'events'>,
): void {
  events.record(eventSubjectOf({ workload, kind }), { type: 'Warning', reason, action: 'Compare', note });
}
