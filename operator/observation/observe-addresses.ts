import { observe } from '../../ledger/observation/observe.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Elsewhere } from '../link/elsewhere.ts';
import type { OnLink } from '../link/on-link.ts';
import { describeAddress, type WorkloadAddress } from '../live/live-address.ts';
import type { Scope } from '../live/scope.ts';
import { eventSubjectOf } from '../live/workload.ts';
import { stateOf } from './known-observations.ts';
import type { ObservationBudget } from './observation-budget.ts';

export type ObserveAddressesDeps = Pick<OperatorDeps, 'ledger' | 'actor' | 'events' | 'metrics' | 'logger'> & {
  readonly observationBudget: ObservationBudget;
  readonly scope: Scope;
  readonly onLink: OnLink;
  readonly elsewhere: Elsewhere;
};

/** An address to observe. */
export interface SeenAddress {
  readonly address: WorkloadAddress;
  /** Whether nobody in the namespace of the object may use the pool of the address. */
  readonly limited: boolean;
}

/**
 * Records addresses that live objects use and that the ledger did not give them, so nobody else gets them meanwhile. Beyond
 * the limits an address of ours stays unprotected: the object gets an Event, and a metric counts it. An address of another prefix
 * needs no protection. Beyond the limits it is only not shown, and not compared with other clusters.
 */
export async function observeAddresses(seen: readonly SeenAddress[], deps: ObserveAddressesDeps): Promise<void> {
  const { ledger, actor, logger, observationBudget, scope, onLink } = deps;
  const affordable = seen.filter(({ address: { mac, owner }, limited }) => {
    return !limited || observationBudget.take(owner.namespace, scope.isOurs(mac) ? 'ours' : 'outside');
  });
  const items = affordable.map(({ address, limited }) => {
    return { mac: address.mac, object: address.owner, limited, ...stateOf(address, deps) };
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
  // An object that starts may meet one of another cluster.
  await deps.elsewhere.refresh(affordable.flatMap(({ address }) => (onLink.isRunning(address) ? [address.mac] : [])));
  const ours = ({ mac }: WorkloadAddress) => scope.isOurs(mac);
  reportUnprotected(unprotected.filter(ours), deps);
  reportUnrecorded(
    unprotected.filter((each) => !ours(each)),
    deps,
  );
  reportObserved(observed.filter(ours), deps);
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

function reportUnrecorded(addresses: readonly WorkloadAddress[], deps: Pick<OperatorDeps, 'events'>): void {
  for (const [first, more] of byObject(addresses)) {
    const note = `${first.mac} on interface ${first.owner.nic}${more} is not in the ledger, because this object or its namespace has too many addresses of other prefixes. Another cluster that uses it is not noticed`;
    record(first, 'AddressNotRecorded', note, deps);
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
