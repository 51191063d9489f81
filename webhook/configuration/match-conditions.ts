import { ANNOTATIONS, operatorUsername } from '../../api/names.ts';
import { DEFAULT_NETWORK_ANNOTATION, NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';

/** A CEL condition that the API server evaluates before it calls the webhook. All conditions of an entry must hold. */
export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

/*
 * These conditions keep objects away from the webhook. With `failurePolicy: Fail`, an object that passes them is refused
 * while the webhook is down; everything else is not affected (promise I6). So no deletion, no drain, no migration and no
 * controller of KubeVirt may depend on the webhook. Match conditions have no `namespaceObject`, and the annotations of
 * both objects may be absent.
 */

/** An object that is being deleted still gets updates that remove its finalizers. */
const notBeingDeleted: MatchCondition = {
  name: 'not-being-deleted',
  expression: '!has(object.metadata.deletionTimestamp)',
};

/** Also matches an update that removes the annotation: a re-apply may remove the addresses with it. */
export const optedInByAnnotation: MatchCondition = {
  name: 'asked-for-an-address',
  expression: `${annotation('object', ANNOTATIONS.inject)} == 'true' || (oldObject != null && ${annotation('oldObject', ANNOTATIONS.inject)} == 'true')`,
};

const notOptedOut: MatchCondition = {
  name: 'not-opted-out',
  expression: `${annotation('object', ANNOTATIONS.inject)} != 'false'`,
};

const podConditions: readonly MatchCondition[] = [
  // A kubelet makes it from a file, and the API server only mirrors it: a patch would not change what runs.
  { name: 'not-a-mirror-pod', expression: `${annotation('object', 'kubernetes.io/config.mirror')} == ''` },
  { name: 'not-on-the-host-network', expression: '!object.spec.?hostNetwork.orValue(false)' },
  // It has the addresses of its virtual machine, and a new one must start whenever the machine migrates.
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
  // virt-controller creates one at every start of a machine, with the addresses of the machine.
  { name: 'not-owned-by-a-vm', expression: `!${hasOwner('VirtualMachine')}` },
];

/** Conditions for pods, virtual machines and their instances, for both ways of opting in. */
export const workloadConditions: readonly MatchCondition[] = [
  notBeingDeleted,
  notOptedOut,
  ...onlyFor('pods', podConditions),
  ...onlyFor('virtualmachines', machineConditions),
  ...onlyFor('virtualmachineinstances', instanceConditions),
];

/** The operator may write the protected fields, and its mirrors must not depend on the webhook. */
const notTheOperator = (systemNamespace: string): MatchCondition => ({
  name: 'not-the-operator',
  expression: `request.userInfo.username != '${operatorUsername(systemNamespace)}'`,
});

/** Conditions for a claim that is created, or whose stamped fields change. */
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

/** Conditions for the first deletion of a claim by anybody but the operator. Deleting a mirror releases nothing. */
export function releaseConditions(systemNamespace: string): readonly MatchCondition[] {
  return [
    { name: 'first-request', expression: '!has(oldObject.metadata.deletionTimestamp)' },
    { name: 'a-claim', expression: '!has(oldObject.spec.consumerRef)' },
    notTheOperator(systemNamespace),
  ];
}

/** Restricts conditions to one resource: every other resource passes them. */
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

/** KubeVirt treats a machine with neither `running` nor `runStrategy` as halted. */
function isHalted(object: 'object' | 'oldObject'): string {
  return `(${object}.?spec.?runStrategy.orValue(${object}.?spec.?running.orValue(false) ? 'Always' : 'Halted') == 'Halted')`;
}
