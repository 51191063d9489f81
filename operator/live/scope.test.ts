import { describe, expect, test } from 'vitest';
import type { ObserveMode } from '../../api/observe-mode.ts';
import { mac } from '../../mac/mac-address.ts';
import { macPrefix } from '../../mac/mac-range.ts';
import { managedNamespaces } from './managed-namespace.ts';
import { createScope } from './scope.ts';

const { schema } = managedNamespaces({
  modes: { pods: 'opt-in', virtualMachines: 'opt-out' },
  systemNamespace: 'rock-mac-system',
});
const labels: Readonly<Record<string, Record<string, string>>> = {
  'opted-in': { 'mac.rock-os.io/inject': 'enabled' },
  'opted-out': { 'mac.rock-os.io/inject': 'disabled' },
  silent: {},
  'rock-mac-system': { 'mac.rock-os.io/inject': 'enabled' },
};
const namespaces = new Map(
  Object.entries(labels).map(([name, each]) => [
    name,
    schema.parse({ metadata: { name, uid: name, resourceVersion: '1', labels: each } }),
  ]),
);

const FOREIGN = mac('02:00:00:00:00:01');
const OURS = mac('a4:58:0f:05:00:01');

function scope(observe: ObserveMode) {
  return createScope({ prefixes: () => [macPrefix('a4:58:0f')], observe }, (name) => namespaces.get(name));
}

describe('an address of another prefix', () => {
  test.each([
    ['managed', 'Pod', 'opted-in', true],
    ['managed', 'Pod', 'silent', false],
    ['managed', 'VirtualMachine', 'silent', true],
    ['managed', 'VirtualMachine', 'opted-out', false],
    ['managed', 'VirtualMachine', 'rock-mac-system', false],
    ['managed', 'Pod', 'unknown', false],
    ['all', 'Pod', 'silent', true],
    ['all', 'VirtualMachine', 'opted-out', true],
    ['off', 'Pod', 'opted-in', false],
  ] as const)(
    'with observe %s, on a %s in a namespace that is %s, is included: %s',
    (mode, kind, namespace, expected) => {
      expect(scope(mode).includes({ mac: FOREIGN, owner: { kind, namespace } })).toBe(expected);
    },
  );
});

test('an address of ours is always included', () => {
  for (const namespace of [...namespaces.keys(), 'unknown']) {
    expect(scope('off').includes({ mac: OURS, owner: { kind: 'Pod', namespace } })).toBe(true);
  }
});
