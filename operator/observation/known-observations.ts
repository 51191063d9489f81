import type { Observation } from '../../ledger/observation/observations.ts';
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
 * Returns whether the ledger lacks this observation. One that counts toward the limits may not count any more, and a
 * guest may have migrated since.
 */
export function isNew({ address, limited }: SeenAddress, known: KnownObservations): boolean {
  const before = known.get(keyOfObservation({ mac: address.mac, object: address.owner }));
  return before === undefined || (before.limited && !limited) || before.migrates !== isMigrating(address.workload);
}
