import { describe, expect, test } from 'vitest';
import type { AddressDetails } from '../../api/console.ts';
import { mac } from '../../mac/mac-address.ts';
import { planAction, shellWord } from './plan-action.ts';

const MAC = mac('a4:58:0f:01:00:00');
const POOL = {
  ...{ pool: 'docker', description: '', first: 'a4:58:0f:04:00:00', last: 'a4:58:0f:04:ff:ff' },
  ...{ paused: false, reuseDelaySeconds: 3_600 },
};
const GROWN = mac('a4:58:0f:05:00:ff');
const DEVICE: AddressDetails = { mac: MAC, pool: 'docker', state: 'reserved', next: '', device: { id: 'gateway' } };
const CLAIM: AddressDetails = {
  ...{ mac: MAC, pool: 'docker', state: 'active', next: '', expiresAt: '2026-01-31T12:00:00Z' },
  owner: { clusterId: 'c', kind: 'MacAllocation', namespace: 'shop', name: 'web', nic: '' },
};

describe('the plan of an action on a ledger', () => {
  test('names the holder, the reuse delay and the reason for force', () => {
    const plan = planAction(
      { kind: 'release', mac: MAC, generation: 1, force: true },
      { mode: 'ledger', address: DEVICE, pool: POOL },
    );
    expect(plan).toEqual({
      command: `rock-mac release ${MAC} --force`,
      effects: [
        `${MAC} is taken from device gateway. Nothing may use it any more.`,
        'Another owner may get it after the reuse delay of its pool, 1h.',
        'It is reserved, so the release is forced: check first that nothing uses it.',
      ],
    });
  });

  test('quotes what a shell would run', () => {
    const action = { kind: 'reserve', pool: 'docker', device: '$(reboot)' } as const;
    expect(planAction(action, { mode: 'ledger' }).command).toBe(`rock-mac reserve -p docker -d '$(reboot)'`);
    expect(shellWord("it's")).toBe(String.raw`'it'\''s'`);
  });
});

describe('the plan of an action in a cluster', () => {
  const context = { mode: 'cluster', namespace: 'default', address: CLAIM, pool: POOL } as const;

  test('deletes the claim in its namespace', () => {
    const { command, yaml } = planAction({ kind: 'release', mac: MAC, generation: 1, force: false }, context);
    expect(command).toBe(`kubectl rock-mac release ${MAC} -n shop`);
    expect(yaml).toContain('kind: MacAllocation\nmetadata:\n  name: web\n  namespace: shop');
  });

  test('annotates a reserved claim before it deletes it', () => {
    const reserved = { ...context, address: { ...CLAIM, state: 'reserved' } };
    const { command, yaml } = planAction({ kind: 'release', mac: MAC, generation: 1, force: true }, reserved);
    expect(command).toBe(`kubectl rock-mac release ${MAC} -n shop --force`);
    expect(yaml).toMatch(
      /^# kubectl annotate macallocation web -n shop mac.rock-os.io\/force-release=true\n# kubectl delete -f -\n/,
    );
    expect(yaml).toContain('annotations:\n    mac.rock-os.io/force-release: "true"');
  });

  test('creates a reserved claim', () => {
    const { command, yaml } = planAction({ kind: 'reserve', pool: 'docker', mac: MAC, device: 'Gate 1' }, context);
    expect(command).toBe(`kubectl rock-mac reserve -p docker -m ${MAC} -d 'Gate 1' -n default`);
    expect(yaml).toContain('generateName: gate-1-\n  namespace: default');
    expect(yaml).toContain('reserved: true');
  });

  test.each([
    [{ kind: 'pause', pool: 'docker', paused: true }, 'pool pause docker', 'spec:\n  paused: true'],
    [{ kind: 'pause', pool: 'docker', paused: false }, 'pool resume docker', 'spec:\n  paused: false'],
    [{ kind: 'grow', pool: 'docker', last: GROWN }, `pool grow docker --last ${GROWN}`, `spec:\n  last: "?${GROWN}`],
  ] as const)('changes the pool: %j', (action, words, manifest) => {
    const { command, yaml } = planAction(action, context);
    expect(command).toBe(`kubectl rock-mac ${words}`);
    expect(yaml).toMatch(new RegExp(`kind: MacPool\nmetadata:\n  name: docker\n${manifest}`));
    expect(planAction(action, { ...context, mode: 'ledger' })).toMatchObject({ command: `rock-mac ${words}` });
    expect(planAction(action, { ...context, mode: 'ledger' })).not.toHaveProperty('yaml');
  });

  test('approves a held release with an annotation of the pool', () => {
    const { command, yaml } = planAction({ kind: 'approve', pool: 'docker', count: 12 }, context);
    expect(command).toBe(
      `kubectl patch macpool docker --type=merge -p '{"metadata":{"annotations":{"mac.rock-os.io/approve-release":"12"}}}'`,
    );
    expect(yaml).toContain('approve-release: "12"');
  });

  test('says by how much a pool grows, and that it cannot shrink', () => {
    const grow = (last: string) => planAction({ kind: 'grow', pool: 'docker', last: mac(last) }, context).effects;
    expect(grow('a4:58:0f:05:00:ff')[0]).toBe(
      'Pool docker ends at a4:58:0f:05:00:ff instead of a4:58:0f:04:ff:ff: 256 addresses more.',
    );
    expect(grow('a4:58:0f:04:00:ff')[0]).toContain('cannot shrink');
    const next = { ...POOL, pool: 'next', first: 'a4:58:0f:05:00:80', last: 'a4:58:0f:05:ff:ff' };
    const action = { kind: 'grow', pool: 'docker', last: GROWN } as const;
    expect(planAction(action, { ...context, pools: [POOL, next] }).effects).toEqual([
      expect.stringMatching(/^Nothing: pool next begins at a4:58:0f:05:00:80/),
    ]);
  });
});
