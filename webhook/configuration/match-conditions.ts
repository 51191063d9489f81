import { ANNOTATIONS, operatorUsername } from '../../api/names.ts';
import { DEFAULT_NETWORK_ANNOTATION, NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';

/** A condition in CEL that the API server judges before it calls us. All of an entry's must hold. */
export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

/*
 * What keeps an object from ever reaching us. With `failurePolicy: Fail` an object that passes is refused while we are
 * down, and everything else never notices (promise I6): so no deletion, no drain, no migration and no controller of
 * KubeVirt may hang on us. `namespaceObject` is not known to match conditions, and either map of annotations may be absent.
 */

/** Finalizers come off in updates of an object that is being deleted. */
const notBeingDeleted: MatchCondition = {
  name: 'not-being-deleted',
  expression: '!has(object.metadata.deletionTimestamp)',
};

/** Also where an update takes the annotation away: a re-apply may take the addresses away with it. */
export const askedItself: MatchCondition = {
  name: 'asked-for-an-address',
  expression: `${annotation('object', ANNOTATIONS.inject)} == 'true' || (oldObject != null && ${annotation('oldObject', ANNOTATIONS.inject)} == 'true')`,
};

const notOptedOut: MatchCondition = {
  name: 'not-opted-out',
  expression: `${annotation('object', ANNOTATIONS.inject)} != 'false'`,
};

/** Made by a kubelet from a file: the API server only mirrors it, and what it runs cannot be changed. */
const podConditions: readonly MatchCondition[] = [
  { name: 'not-a-mirror-pod', expression: `${annotation('object', 'kubernetes.io/config.mirror')} == ''` },
  { name: 'not-on-the-host-network', expression: '!object.spec.?hostNetwork.orValue(false)' },
  // Its addresses are those of its virtual machine; and a new one must start whenever a machine migrates.
  { name: 'not-a-virt-launcher-pod', expression: `!${hasOwner('VirtualMachineInstance')}` },
  {
    name: 'pod-update-changes-its-networks',
    expression: `oldObject == null || ${[NETWORKS_ANNOTATION, DEFAULT_NETWORK_ANNOTATION].map(changes).join(' || ')}`,
  },
];

const machineConditions: readonly MatchCondition[] = [
  {
    name: 'vm-update-changes-an-interface-or-starts-it',
    expression: `oldObject == null || ${interfaces('object')} != ${interfaces('oldObject')} || (${isHalted('oldObject')} && !${isHalted('object')})`,
  },
];

const instanceConditions: readonly MatchCondition[] = [
  // virt-controller makes one at every start of a machine, and the machine's addresses are in it.
  { name: 'not-owned-by-a-vm', expression: `!${hasOwner('VirtualMachine')}` },
];

/** For pods, virtual machines and their instances, however they opted in. */
export const workloadConditions: readonly MatchCondition[] = [
  notBeingDeleted,
  notOptedOut,
  ...onlyFor('pods', podConditions),
  ...onlyFor('virtualmachines', machineConditions),
  ...onlyFor('virtualmachineinstances', instanceConditions),
];

/** The operator is trusted with what is protected here, and its mirrors must not wait for us. */
const notTheOperator = (systemNamespace: string): MatchCondition => ({
  name: 'not-the-operator',
  expression: `request.userInfo.username != '${operatorUsername(systemNamespace)}'`,
});

/** A claim that is made, or whose stamp somebody touches. */
export function allocationConditions(systemNamespace: string): readonly MatchCondition[] {
  return [
    notBeingDeleted,
    notTheOperator(systemNamespace),
    {
      name: 'created-or-stamp-touched',
      expression: `oldObject == null || ${['requester', 'consumerRef'].map((field) => `object.spec.?${field} != oldObject.spec.?${field}`).join(' || ')}`,
    },
  ];
}

/** A claim that lives and that somebody else than the operator deletes. Who deletes a mirror releases nothing. */
export function releaseConditions(systemNamespace: string): readonly MatchCondition[] {
  return [
    { name: 'first-request', expression: '!has(oldObject.metadata.deletionTimestamp)' },
    { name: 'a-claim', expression: '!has(oldObject.spec.consumerRef)' },
    notTheOperator(systemNamespace),
  ];
}

/** Conditions that do not hold anything else back than one resource. */
function onlyFor(resource: string, conditions: readonly MatchCondition[]): readonly MatchCondition[] {
  return conditions.map(({ name, expression }) => ({
    name,
    expression: `request.resource.resource != '${resource}' || (${expression})`,
  }));
}

function annotation(object: 'object' | 'oldObject', key: string): string {
  return `${object}.metadata.?annotations[?'${key}'].orValue('')`;
}

function changes(key: string): string {
  return `${annotation('object', key)} != ${annotation('oldObject', key)}`;
}

function hasOwner(kind: string): string {
  return `object.metadata.?ownerReferences.orValue([]).exists(owner, owner.kind == '${kind}')`;
}

function interfaces(object: 'object' | 'oldObject'): string {
  return `${object}.?spec.?template.?spec.?domain.?devices.?interfaces.orValue([])`;
}

/** KubeVirt takes a machine that says neither `running` nor `runStrategy` for halted. */
function isHalted(object: 'object' | 'oldObject'): string {
  return `(${object}.?spec.?runStrategy.orValue(${object}.?spec.?running.orValue(false) ? 'Always' : 'Halted') == 'Halted')`;
}
