import { expect, test } from 'vitest';
import { randomFrom } from '../doubles/seeded-random.ts';
import { planLoad, type Step } from './load-plan.ts';

const options = { namespaces: ['team', 'tight'], podNames: 6, claimNames: 3 };

function steps(seed: number, count = 500): Step[] {
  const plan = planLoad(options, randomFrom(seed));
  return Array.from({ length: count }, () => plan.next().value);
}

test('the same seed is the same load, and another seed is another one', () => {
  expect(steps(1)).toEqual(steps(1));
  expect(steps(1)).not.toEqual(steps(2));
});

test('every kind of step comes up in every namespace', () => {
  const found = new Set(steps(1).map((step) => `${step.namespace}: ${step.do}`));
  for (const namespace of options.namespaces) {
    for (const what of ['create pod', 'delete pod', 'create claim', 'delete claim', 'roll out']) {
      expect(found).toContain(`${namespace}: ${what}`);
    }
  }
});

test('what is created does not exist, what is deleted does, and a pod names only a claim that exists', () => {
  const existing = new Set<string>();
  let used = 0;
  for (const step of steps(1)) {
    if (step.do === 'roll out') continue;
    const key = `${step.do.endsWith('pod') ? 'pod' : 'claim'} ${step.namespace}/${step.name}`;
    expect(existing.has(key), `${step.do} ${key}`).toBe(step.do.startsWith('delete'));
    if (step.do.startsWith('delete')) existing.delete(key);
    else existing.add(key);
    if (step.do !== 'create pod' || step.claim === undefined) continue;
    used++;
    expect(step.networks).toBe(1);
    expect(existing).toContain(`claim ${step.namespace}/${step.claim}`);
  }
  expect(used).toBeGreaterThan(10);
});

test('names come back, and never more objects exist than there are names', () => {
  const creates = steps(1).filter((step) => step.do.startsWith('create'));
  const names = new Set(creates.map(({ namespace, name }) => `${namespace}/${name}`));
  expect(names.size).toBe(options.namespaces.length * (options.podNames + options.claimNames));
  expect(creates.length).toBeGreaterThan(5 * names.size);
});
