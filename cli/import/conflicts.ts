import type { Csv } from '../output/csv.ts';

/** Where an address is in what the user named. */
export interface Place {
  readonly file: string;
  readonly line?: number | undefined;
}

/** Why an address of a file is not imported, with the next step for all those of the kind. */
export const CONFLICT_KINDS = {
  'bad-address': {
    heading: 'no address of a device',
    next: 'Correct them in the file.',
  },
  'bad-value': {
    heading: 'a value that cannot be stored',
    next: 'Correct them in the file.',
  },
  'two-devices': {
    heading: 'named for two devices',
    next: 'Leave each address at one device.',
  },
  outside: {
    heading: 'outside of every pool',
    next: 'Add their prefix with `rock-mac prefix add` and their range with `rock-mac pool add`.',
  },
  'other-pool': {
    heading: 'in another pool than the named one',
    next: 'Leave the pool out: the address determines it.',
  },
  held: {
    heading: 'held by another owner',
    next: 'See who with `rock-mac show`, then correct the file or release them.',
  },
  observed: {
    heading: 'used by an object of a cluster',
    next: 'See which with `rock-mac show`. Two devices must not have one address.',
  },
  'reuse-delay': {
    heading: 'released a short time ago by another owner',
    next: 'Wait for the end of the reuse delay, or add --override-delay if the last owner has ended.',
  },
  'pool-closed': {
    heading: 'in a pool that hands out nothing now',
    next: 'See why with `rock-mac pool list` and `rock-mac doctor`.',
  },
} as const satisfies Record<string, { readonly heading: string; readonly next: string }>;

export type ConflictKind = keyof typeof CONFLICT_KINDS;

export interface Conflict {
  readonly place: Place;
  readonly kind: ConflictKind;
  /** As the file has it. */
  readonly mac: string;
  readonly device: string;
  /** What exactly is wrong. */
  readonly detail: string;
}

export function placeText({ file, line }: Place): string {
  return line === undefined ? file : `${file}:${String(line)}`;
}

/** Returns all conflicts as a table for a spreadsheet or a script. */
export function conflictsCsv(conflicts: readonly Conflict[]): Csv {
  return {
    heads: ['file', 'line', 'mac', 'device', 'conflict', 'detail'],
    rows: conflicts.map(({ place, mac, device, kind, detail }) => [place.file, place.line, mac, device, kind, detail]),
  };
}
