import type { Observation } from '../../ledger/observation/observations.ts';
import type { OnLink } from '../link/on-link.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import type { Scope } from '../live/scope.ts';
import { isMigrating } from '../live/workload.ts';
import type { SeenAddress } from './observe-addresses.ts';

/** The observations that the ledger has, by address, object and interface. */
export type KnownObservations = ReadonlyMap<string, Observation>;

export function keyOfObservation({ mac, object: { uid, nic } }: Pick<Observation, 'mac' | 'object'>): string {
  return `${mac} ${uid} ${nic}`;
}

export function byKey(observations: readonly Observation[]): KnownObservations {
  return new Map(observations.map((each) => [keyOfObservation(each), each]));
}

/**
 * Returns whether the ledger lacks this observation, or has an older state of it: it may not count toward the limits any more,
 * its guest may have migrated, its object may have been started or stopped, and its network may have got another segment.
 */
export function isNew({ address, limited }: SeenAddress, known: KnownObservations, deps: StateDeps): boolean {
  const before = known.get(keyOfObservation({ mac: address.mac, object: address.owner }));
  if (before === undefined || before.limited !== limited) return true;
  const { migrates, running, segment } = stateOf(address, deps);
  return before.migrates !== migrates || before.running !== running || before.segment !== segment;
}

export interface StateDeps {
  readonly onLink: OnLink;
  readonly scope: Pick<Scope, 'isOurs'>;
}

/**
 * Returns what an observation says about its object, which may change. An address of ours is kept for a guest that came from another
 * instance, and KubeVirt forgets that with the next migration from node to node: so every migration counts. Under another prefix
 * nothing is kept: objects with one address are only compared, and only a migration between two instances makes them one.
 */
export function stateOf(
  address: WorkloadAddress,
  { onLink, scope }: StateDeps,
): Pick<Observation, 'migrates' | 'running' | 'segment'> {
  return {
    migrates: scope.isOurs(address.mac) ? isMigrating(address.workload) : address.workload.migratesAcross === true,
    running: onLink.isRunning(address),
    segment: onLink.segmentOf(address.network),
  };
}
