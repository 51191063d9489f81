import { expect, test } from 'vitest';
import type { AddressDetails } from '../../api/console.ts';
import { commandsFor } from './commands.ts';

const LEDGER = { mode: 'ledger', program: 'rock-mac' } as const;
const CLUSTER = { mode: 'cluster', program: 'kubectl rock-mac' } as const;
const MAC = 'a4:58:0f:01:00:00';
const CLAIM = { clusterId: 'c', kind: 'MacAllocation', namespace: 'shop', name: 'web', nic: '' };

function verbs(address: Partial<AddressDetails>, about: typeof LEDGER | typeof CLUSTER): string[] {
  const details = { mac: MAC, pool: 'docker', state: 'active', next: '', ...address };
  return commandsFor(details, about).map(({ command }) => command.replace(`${about.program} `, ''));
}

test('the address of a device can be released and renewed', () => {
  expect(verbs({ device: { id: 'vm' } }, LEDGER)).toEqual([
    `show ${MAC}`,
    `audit ${MAC} --follow`,
    `release ${MAC}`,
    `renew ${MAC}`,
  ]);
});

test('a reserved address needs force', () => {
  expect(verbs({ state: 'reserved' }, LEDGER)).toContain(`release ${MAC} --force`);
});

test('the address of a claim is released in its namespace', () => {
  expect(verbs({ owner: CLAIM }, CLUSTER)).toContain(`release ${MAC} -n shop`);
});

test('the address of a pod is not released by a command', () => {
  expect(verbs({ owner: { ...CLAIM, kind: 'Pod' } }, CLUSTER).join()).not.toContain('release');
  expect(verbs({ owner: CLAIM }, LEDGER).join()).not.toContain('release');
});

test('a free address can be reserved, and an observed one adopted', () => {
  expect(verbs({ state: 'released' }, LEDGER)).toContain(`reserve -m ${MAC} -d DEVICE`);
  expect(verbs({ state: 'released', observed: true }, LEDGER)).toContain(`adopt ${MAC}`);
});
