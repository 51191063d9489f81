import { expect, test } from 'vitest';
import { namespaceEvidence } from './evidence.ts';

function aNamespace(labels: Record<string, string>) {
  return { metadata: { name: 'web', uid: 'u-1', resourceVersion: '7', labels } };
}

test.each([
  [{}, 'opt-in', false],
  [{}, 'opt-out', true],
  [{ 'mac.rock-os.io/inject': 'enabled' }, 'opt-in', true],
  [{ 'mac.rock-os.io/inject': 'disabled' }, 'opt-out', false],
] as const)(
  'admission sees the objects of a namespace with the labels %j in the mode %s: %s',
  (labels, mode, isOptedIn) => {
    const pool = isOptedIn ? 'kubernetes' : undefined;
    expect(namespaceEvidence(aNamespace(labels), { workloadPool: 'kubernetes', mode })).toMatchObject({
      isOptedIn,
      pool,
    });
  },
);
