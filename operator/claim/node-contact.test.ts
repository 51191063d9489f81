import { describe, expect, test } from 'vitest';
import { beginContact, type NodeContact, type NodeState, updateContact } from './node-contact.ts';

const S = 1_000;
const HOUR = 3_600;
const GRACE_MS = 30 * S;

interface Timeline {
  /** When the Lease was renewed, in seconds after the pod vanished. */
  readonly renewals: readonly number[];
  /** Since when the node is Ready. Default: for an hour. */
  readonly readyAt?: number;
  /** From when to when its runtime does not work. */
  readonly withoutRuntime?: readonly [number, number];
  readonly leaseSeconds?: number;
}

/** Returns what the API server shows at a moment of a node whose clock is wrong by a day. */
function nodeAt(now: number, { renewals, readyAt = -HOUR, withoutRuntime, leaseSeconds = 40 }: Timeline): NodeState {
  const renewal = renewals.filter((each) => each <= now).at(-1);
  const [from, to] = withoutRuntime ?? [Infinity, Infinity];
  const isReady = renewal !== undefined && (now < from || now >= to);
  return {
    isOutOfService: false,
    leaseMs: leaseSeconds * S,
    ...(renewal !== undefined && { renewedAt: (renewal + 24 * HOUR) * S }),
    ...(isReady && { readyForMs: (renewal - Math.max(readyAt, now >= to ? to : -Infinity)) * S }),
  };
}

/** Checks a node every three seconds. Returns when the pod counts as ended, in seconds. */
function secondsUntilEnded(timeline: Timeline): number | undefined {
  let contact: NodeContact = beginContact(nodeAt(0, timeline), GRACE_MS);
  for (let now = 3; now <= 600; now += 3) {
    const next = updateContact(contact, nodeAt(now, timeline), GRACE_MS);
    if (next === 'ended') return now;
    contact = next;
  }
  return undefined;
}

/** Returns renewals at regular intervals. */
const every = (interval: number, first: number, last: number) =>
  Array.from({ length: Math.floor((last - first) / interval) + 1 }, (_, index) => first + index * interval);

describe('a pod that vanished at second 0 has ended', () => {
  test.each<[string, Timeline, number]>([
    ['after three renewals, if the node was in contact', { renewals: every(10, -5, 100) }, 27],
    ['after three renewals of a longer Lease', { renewals: every(25, -5, 100), leaseSeconds: 100 }, 45],
    [
      'two minutes and its grace period after the return of a node that was away',
      { renewals: [-100, ...every(10, 62, 300)], readyAt: 62 },
      213,
    ],
    [
      'that long after the next renewal of a node that had just returned',
      { renewals: every(10, -5, 300), readyAt: -5 },
      156,
    ],
    [
      'that long after a silence that was too short for the condition Ready',
      { renewals: [-35, ...every(10, 2, 300)] },
      153,
    ],
    ['that long after the end of the last silence', { renewals: [-5, 5, ...every(10, 40, 300)] }, 192],
    ['that long after the first renewal, if there was no Lease', { renewals: every(10, 4, 300) }, 156],
    ['that long after its runtime works again', { renewals: every(10, -5, 400), withoutRuntime: [7, 66] }, 216],
  ])('%s', (_, timeline, expected) => {
    expect(secondsUntilEnded(timeline)).toBe(expected);
  });

  test.each<[string, Timeline]>([
    ['a silent node', { renewals: [-5] }],
    ['a node whose last renewal was under way', { renewals: [-5, 5] }],
    ['a node whose runtime does not work', { renewals: every(10, -5, 600), withoutRuntime: [-60, Infinity] }],
    ['a node without a Lease', { renewals: [] }],
  ])('never on %s', (_, timeline) => {
    expect(secondsUntilEnded(timeline)).toBeUndefined();
  });

  const node = nodeAt(0, { renewals: [0] });
  const first = beginContact(node, GRACE_MS);

  test.each([
    ['its node is gone', undefined],
    ['its node is declared off', { ...node, isOutOfService: true }],
  ])('at once when %s', (_, changed) => {
    expect(updateContact(first, changed, GRACE_MS)).toBe('ended');
  });

  test('much later, if the clock of the node was set back', () => {
    const setBack = { ...node, renewedAt: 0 };
    expect(updateContact(first, setBack, GRACE_MS)).toMatchObject({ neededMs: 150 * S });
  });
});
