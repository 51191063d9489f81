import { MAP_STATES, type MapState } from '../../api/state-map.ts';
import { type MacAddress, macToNumber, numberToMac } from '../../mac/mac-address.ts';

const PER_ROW = 64;

/** A character for each state, and its name in the legend. */
const DRAWN: Readonly<Record<MapState, readonly [character: string, name: string]>> = {
  neverUsed: ['.', 'never used'],
  freeAgain: ['-', 'free again'],
  waiting: ['w', 'waiting for reuse'],
  pending: ['p', 'pending'],
  active: ['A', 'active'],
  reserved: ['R', 'reserved'],
  stocked: ['s', 'stocked'],
  orphaned: ['O', 'orphaned'],
  observed: ['x', 'observed'],
  stickyUnused: ['u', 'sticky and unused'],
};

/** A state of a newer version. */
const UNKNOWN = '?';

/** Returns the lines of a map: 64 addresses each, without rows of never used ones, and a legend. */
export function mapLines(first: MacAddress, states: Uint8Array): string[] {
  const from = macToNumber(first);
  const lines: string[] = [];
  for (let start = 0; start < states.length; start += PER_ROW) {
    const row = states.subarray(start, start + PER_ROW);
    if (row.some((state) => state !== MAP_STATES.neverUsed)) lines.push(`${numberToMac(from + start)}  ${drawn(row)}`);
  }
  if (lines.length === 0) return ['None of these addresses was ever used'];
  const used = new Set(states);
  const legend = Object.entries(DRAWN).filter(([state]) => used.has(MAP_STATES[state as MapState]));
  return [...lines, '', legend.map(([, [character, name]]) => `${character} ${name}`).join(', ')];
}

function drawn(row: Uint8Array): string {
  const characters = new Map(
    Object.entries(DRAWN).map(([state, [character]]) => [MAP_STATES[state as MapState] as number, character]),
  );
  return [...row].map((state) => characters.get(state) ?? UNKNOWN).join('');
}
