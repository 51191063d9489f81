import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { type SeenAddress, sharedFindings } from './shared-findings.ts';

const address = mac('02:00:00:00:00:01');

function seen(name: string, change: Partial<SeenAddress> = {}): SeenAddress {
  const object = { clusterId: 'c1', kind: 'Pod', namespace: 'web', name, nic: 'net1', uid: `uid of ${name}` };
  return { mac: address, object, running: true, segment: '', clusterName: 'shop', ...change };
}

const levelOf = (...addresses: SeenAddress[]) => sharedFindings(addresses, 'rock-mac')[0]?.level;

test('running objects that share an address are named, with the next step', () => {
  const [finding] = sharedFindings([seen('a'), seen('b')], 'rock-mac');
  expect(finding).toMatchObject({ level: 'warning', subject: 'shared' });
  expect(finding?.message).toContain('02:00:00:00:00:01 (Pod web/a in shop, Pod web/b in shop)');
  expect(finding?.next).toContain('`rock-mac list --status observed`');
});

test.each<[string, SeenAddress[], string]>([
  ['one object', [seen('a')], 'ok'],
  ['one object on two interfaces', [seen('a'), seen('a')], 'ok'],
  ['an object that does not run', [seen('a'), seen('b', { running: false })], 'ok'],
  ['two segments', [seen('a', { segment: 'x' }), seen('b', { segment: 'y' })], 'ok'],
  ['one segment', [seen('a', { segment: 'x' }), seen('b', { segment: 'x' })], 'warning'],
  ['a segment and none', [seen('a', { segment: 'x' }), seen('b')], 'warning'],
  ['two addresses', [seen('a'), seen('b', { mac: mac('02:00:00:00:00:02') })], 'ok'],
])('%s: %3$s', (_, addresses, level) => {
  expect(levelOf(...addresses)).toBe(level);
});

test('many shared addresses are counted', () => {
  const many = Array.from({ length: 5 }, (_, index) => mac(`02:00:00:00:00:0${String(index)}`));
  const [finding] = sharedFindings(
    many.flatMap((each) => [seen('a', { mac: each }), seen('b', { mac: each })]),
    'rock-mac',
  );
  expect(finding?.message).toMatch(/share 5 address\(es\).*; 2 more$/);
});
