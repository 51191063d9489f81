import { expect, test } from 'vitest';
import { stickyClaimName } from './sticky-claim-name.ts';

const web = { kind: 'Pod', name: 'web-0', nic: 'default/lan#0' };

test('a sticky claim has the name of its workload and a hash', () => {
  expect(stickyClaimName(web)).toMatch(/^web-0-[0-9a-f]{8}$/);
});

test('two interfaces, two kinds and two workloads never share a sticky claim', () => {
  const names = [
    stickyClaimName(web),
    stickyClaimName({ ...web, nic: 'default/lan#1' }),
    stickyClaimName({ ...web, kind: 'VirtualMachine' }),
    stickyClaimName({ ...web, nic: 'a' }),
    stickyClaimName({ ...web, name: 'web', nic: '0-a' }),
  ];
  expect(new Set(names).size).toBe(names.length);
});

test('the name of a sticky claim is a valid one, however long that of its workload is', () => {
  const name = `${'a'.repeat(243)}.${'b'.repeat(9)}`;
  expect(stickyClaimName({ ...web, name })).toMatch(/^a{243}-[0-9a-f]{8}$/);
  expect(stickyClaimName({ ...web, name })).not.toBe(stickyClaimName({ ...web, name: `${name.slice(0, -1)}c` }));
});
