import { describe, expect, test } from 'vitest';
import { ANNOTATIONS } from '../../api/names.ts';
import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import { mac } from '../../mac/mac-address.ts';
import type { AddressRequest } from '../plan/plan.ts';
import { decideSticky, MAX_UNUSED, type StickyCandidate } from './decide-sticky.ts';

const A = mac('a4:58:0f:05:00:01');
const YES = { [ANNOTATIONS.sticky]: 'true' };
const NO = { [ANNOTATIONS.sticky]: 'false' };

interface Case {
  readonly kind?: StickyCandidate['kind'];
  readonly name?: string;
  readonly isNew?: boolean;
  readonly metadata?: Record<string, unknown>;
  readonly annotations?: Record<string, string>;
  readonly requests?: readonly AddressRequest[];
  readonly namespace?: Record<string, string>;
}

function decide({ kind = 'Pod', name = 'web-0', isNew = true, namespace, ...rest }: Case) {
  const { metadata = {}, annotations, requests = [{ nic: 'eth0' }] } = rest;
  return decideSticky(
    { kind, name, isNew, metadata: { annotations, ...metadata }, requests },
    { annotations: namespace },
  );
}

function accepted(each: Case) {
  const decided = decide(each);
  if (!decided.ok) throw new Error(decided.refusal.message);
  return decided;
}

/** Returns the limit of unused names that each request by name has. */
function byName(each: Case) {
  return accepted(each).requests.flatMap(({ sticky }) => (sticky === undefined ? [] : [sticky.unusedLimit]));
}

function controlledBy(apiVersion: string, kind: string, extra: Record<string, unknown> = {}) {
  const owner = { apiVersion, kind, name: 'web', uid: 'u', controller: true };
  return { metadata: { ownerReferences: [owner], ...extra } };
}

const ofStatefulSet = controlledBy('apps/v1', 'StatefulSet', { generateName: 'web-' });
const ofReplicaSet = controlledBy('apps/v1', 'ReplicaSet', { generateName: 'web-6f5-' });

describe('the address of an interface belongs to the name of its object', () => {
  test.each<[string, Case, readonly (number | undefined)[]]>([
    ['for a bare pod, within a limit', { annotations: YES }, [MAX_UNUSED.bare]],
    [
      'for a pod of a StatefulSet, within a larger limit: everybody may write such an owner',
      { annotations: YES, ...ofStatefulSet },
      [MAX_UNUSED.replica],
    ],
    ['for a pod of a StatefulSet whose namespace says so', { namespace: YES, ...ofStatefulSet }, [MAX_UNUSED.replica]],
    [
      'for a pod of a set of another group that numbers its pods',
      {
        annotations: YES,
        ...controlledBy('apps.kruise.io/v1beta1', 'StatefulSet', {
          generateName: 'web-',
          labels: { 'apps.kubernetes.io/pod-index': '0' },
        }),
      },
      [MAX_UNUSED.replica],
    ],
    [
      'for a named pod of any other controller, within the limit',
      { annotations: YES, ...controlledBy('postgresql.cnpg.io/v1', 'Cluster') },
      [MAX_UNUSED.bare],
    ],
    [
      'within the limit for a made-up owner whose pods have no such names',
      { annotations: YES, name: 'build', ...controlledBy('apps/v1', 'StatefulSet') },
      [MAX_UNUSED.bare],
    ],
    ['for a virtual machine, within the limit', { kind: 'VirtualMachine', annotations: YES }, [MAX_UNUSED.bare]],
    [
      'for a virtual machine of a pool',
      { kind: 'VirtualMachine', annotations: YES, ...controlledBy('pool.kubevirt.io/v1beta1', 'VirtualMachinePool') },
      [MAX_UNUSED.replica],
    ],
    [
      'for an interface that is added later',
      { kind: 'VirtualMachine', annotations: YES, isNew: false },
      [MAX_UNUSED.bare],
    ],
    ['not without the annotation', {}, []],
    ['not for a bare pod because of its namespace', { namespace: YES }, []],
    ['not for a virtual machine because of its namespace', { kind: 'VirtualMachine', namespace: YES }, []],
    [
      'not for a pod that says no in a namespace that says yes',
      { annotations: NO, namespace: YES, ...ofStatefulSet },
      [],
    ],
    ['not for a pod of a Deployment because of its namespace', { namespace: YES, name: '', ...ofReplicaSet }, []],
  ])('%s', (_, each, wanted) => {
    expect(byName(each)).toEqual(wanted);
    expect(accepted(each).warnings).toEqual([]);
  });

  test('with the name of the claim that shows it', () => {
    const claim = stickyClaimName({ kind: 'Pod', name: 'web-0', nic: 'eth0' });
    expect(accepted({ annotations: YES }).requests).toEqual([
      { nic: 'eth0', sticky: { claim, unusedLimit: MAX_UNUSED.bare } },
    ]);
  });

  test('but not where its author wrote an address or named a claim', () => {
    const requests = [{ nic: 'a', requested: A }, { nic: 'b', claim: 'mine' }, { nic: 'c' }];
    const decided = accepted({ annotations: YES, requests }).requests;
    expect(decided.map(({ sticky }) => sticky !== undefined)).toEqual([false, false, true]);
    expect(decided.slice(0, 2)).toEqual(requests.slice(0, 2));
  });

  test('also where a copied object brings along an address, which proves nothing', () => {
    const [request] = accepted({ annotations: YES, requests: [{ nic: 'eth0', copied: A }] }).requests;
    expect(request).toMatchObject({ nic: 'eth0', sticky: {} });
    expect(request).not.toHaveProperty('copied');
  });
});

describe('a warning says why the annotation has no effect', () => {
  test.each<[string, Case]>([
    ['on a pod whose name is generated', { name: '', metadata: { generateName: 'web-' } }],
    ['on a pod of a Deployment', { name: '', ...ofReplicaSet }],
    ['on a gated pod that has its generated name by now', { name: 'web-6f5-x2vbd', isNew: false, ...ofReplicaSet }],
    [
      'on a virtual machine whose name is generated',
      { kind: 'VirtualMachine', name: '', metadata: { generateName: 'v-' } },
    ],
  ])('%s', (_, each) => {
    const { requests, warnings } = accepted({ annotations: YES, requests: [{ nic: 'a' }, { nic: 'b' }], ...each });
    expect(requests).toEqual([{ nic: 'a' }, { nic: 'b' }]);
    expect(warnings).toEqual([expect.stringMatching(/^rock-mac: Annotation .*sticky has no effect.*is generated/)]);
  });

  test('on an instance without a virtual machine', () => {
    expect(accepted({ kind: 'VirtualMachineInstance', annotations: YES }).warnings).toEqual([
      expect.stringMatching(/no effect.*VirtualMachine/),
    ]);
  });

  test('but not where no interface gets an address by itself', () => {
    expect(accepted({ annotations: YES, name: '', requests: [{ nic: 'a', requested: A }] }).warnings).toEqual([]);
  });
});

describe('a value that nobody understands', () => {
  test.each([
    ['of the annotation', { [ANNOTATIONS.sticky]: 'ture' }, /sticky is "ture".*"true" or "false"/],
    ['of the retention', { ...YES, [ANNOTATIONS.stickyRetention]: 'whenScaled=Keep' }, /retention .*whenScaled=Retain/],
  ])('%s refuses a new object, and says what to write', (_, annotations, message) => {
    expect(decide({ annotations })).toMatchObject({
      ok: false,
      refusal: { code: 422, message: expect.stringMatching(message) as string },
    });
  });

  test('does not refuse an update, because it was stored before', () => {
    const decided = accepted({ annotations: { [ANNOTATIONS.sticky]: 'ture' }, isNew: false });
    expect(decided.requests).toEqual([{ nic: 'eth0' }]);
    expect(decided.warnings).toEqual([expect.stringMatching(/^rock-mac: Annotation .*"ture"/)]);
  });
});
