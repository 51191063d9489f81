import type { Neighbour } from '../../api/console.ts';
import { MAP_STATES, type MapState } from '../../api/state-map.ts';
import { type MacAddress, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import type { Address } from '../backend.ts';
import { holderText } from './views.ts';

const ON_EACH_SIDE = 8;

interface Range {
  readonly first: MacAddress;
  readonly last: MacAddress;
}

/** Returns the addresses around one, itself included, that are in the same pool. Outside every pool it has none. */
export function neighbourRange(
  mac: MacAddress,
  pools: readonly Range[],
): { readonly first: MacAddress; readonly count: number } | undefined {
  const pool = pools.find(({ first, last }) => first <= mac && mac <= last);
  if (pool === undefined) return undefined;
  const number = macToNumber(mac);
  const from = Math.max(macToNumber(pool.first), number - ON_EACH_SIDE);
  const to = Math.min(macToNumber(pool.last), number + ON_EACH_SIDE);
  return { first: numberToMac(from), count: to - from + 1 };
}

/** Returns addresses with those who hold them. */
export function withHolders(
  around: readonly Omit<Neighbour, 'holder'>[],
  holders: readonly Pick<Address, 'mac' | 'device' | 'owner'>[],
): Neighbour[] {
  const texts = new Map(holders.map((each) => [each.mac as string, holderText(each)]));
  return around.map((each) => ({ ...each, holder: texts.get(each.mac) ?? '' }));
}

/** Returns the addresses of a map with the names of their states. A state of a newer version counts as orphaned. */
export function statesOfMap(
  first: MacAddress,
  states: Uint8Array,
): { readonly mac: MacAddress; readonly state: MapState }[] {
  const names = new Map(Object.entries(MAP_STATES).map(([name, byte]) => [byte as number, name as MapState]));
  const from = macToNumber(first);
  return [...states].map((byte, index) => ({ mac: numberToMac(from + index), state: names.get(byte) ?? 'orphaned' }));
}
