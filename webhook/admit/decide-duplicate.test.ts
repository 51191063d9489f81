import { describe, expect, test } from 'vitest';
import type { Observation } from '../../ledger/observation/observations.ts';
import { mac } from '../../mac/mac-address.ts';
import { decideDuplicate, type IncomingObject } from './decide-duplicate.ts';

const MAC = mac('02:00:00:01:00:01');
const NOW = new Date('2026-05-01T12:00:00Z');
const incoming: IncomingObject = { clusterId: 'here', kind: 'Pod', namespace: 'team', name: 'new' };

interface Seen extends Partial<Omit<Observation, 'object' | 'since'>> {
  readonly object?: Partial<Observation['object']>;
  /** For how many minutes the ledger has observed it. */
  readonly minutes?: number;
}

function seen({ object, minutes = 0, ...more }: Seen = {}): Observation {
  return {
    mac: MAC,
    object: { clusterId: 'here', kind: 'Pod', namespace: 'team', name: 'old', uid: 'u', nic: 'net1', ...object },
    limited: true,
    migrates: false,
    running: false,
    segment: '',
    since: new Date(NOW.getTime() - minutes * 60_000),
    ...more,
  };
}

const decide = (...found: readonly Observation[]) => decideDuplicate(found, incoming, NOW);

const elsewhere = [
  ['of another namespace', { namespace: 'other' }],
  ['of another cluster', { clusterId: 'there', namespace: 'other' }],
  ['of a namespace of the same name in another cluster', { clusterId: 'there' }],
  ['of the same name in another cluster', { clusterId: 'there', name: 'new' }],
] as const;

test('an address that another object of the namespace has is refused, with its name', () => {
  expect(decide(seen())).toEqual({ holder: 'Pod old', isRefused: true });
  expect(decide(seen({ object: { namespace: 'other' } }), seen())).toEqual({ holder: 'Pod old', isRefused: true });
});

describe.each(elsewhere)('an object %s', (_, object) => {
  test.each([
    ['does not run, however long it has existed', { running: false, minutes: 100_000 }],
    ['runs since a moment ago', { running: true, minutes: 59 }],
  ])('that %s keeps nobody from the address', (__, state) => {
    expect(decide(seen({ object, ...state }))).toMatchObject({ isRefused: false });
  });

  test('that runs, and was observed for an hour, does', () => {
    expect(decide(seen({ object }), seen({ object, running: true, minutes: 61 }))).toMatchObject({ isRefused: true });
  });
});

test('says the same of all objects outside of the namespace, refused or not', () => {
  const texts = elsewhere.flatMap(([, object]) =>
    [0, 61].map((minutes) => decide(seen({ object, running: true, minutes }))?.holder),
  );
  expect(new Set(texts)).toEqual(new Set(['an object outside of this namespace']));
});

test.each([
  ['the object itself, or the one that it replaces', seen({ object: { name: 'new' } })],
  ['an instance whose guest migrates to another machine', seen({ migrates: true })],
])('%s is no duplicate', (_, other) => {
  expect(decide(other)).toBeUndefined();
});
