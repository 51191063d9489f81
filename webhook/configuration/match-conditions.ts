import { notTheOperator } from '../../api/allocation-writes.ts';
import { DEFAULT_NETWORK_ANNOTATION, NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { OPT_IN_WORDS, OPT_OUT_WORDS } from '../../api/opt-in.ts';
import { PRIMARY_MAC_ANNOTATIONS } from '../../api/pod-nics.ts';
import { isGatedExpression } from '../../api/scheduling-gate.ts';
import { STAMPED_FIELDS } from '../admit/stamp-requester.ts';

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
export const notBeingDeleted: MatchCondition = {
  name: 'not-being-deleted',
  expression: '!has(object.metadata.deletionTimestamp)',
};

/** Also matches an update that removes the annotation: a re-apply may remove the addresses with it. */
export const optedInByAnnotation: MatchCondition = {
  name: 'asked-for-an-address',
  expression: `${injectIs('object', OPT_IN_WORDS)} || (oldObject != null && ${injectIs('oldObject', OPT_IN_WORDS)})`,
};

export const notOptedOut: MatchCondition = {
  name: 'not-opted-out',
  expression: `!(${injectIs('object', OPT_OUT_WORDS)})`,
};

/** The annotations of a pod from which the webhook takes addresses, or into which it writes them. */
export const WEBHOOK_ANNOTATIONS = [NETWORKS_ANNOTATION, DEFAULT_NETWORK_ANNOTATION, ANNOTATIONS.addresses];

export const podConditions: readonly MatchCondition[] = [
  // A kubelet makes it from a file, and the API server only mirrors it: a patch would not change what runs.
  { name: 'not-a-mirror-pod', expression: `${annotation('object', 'kubernetes.io/config.mirror')} == ''` },
  { name: 'not-on-the-host-network', expression: '!object.spec.?hostNetwork.orValue(false)' },
  // It has the addresses of its virtual machine, and a new one must start whenever the machine migrates.
  { name: 'not-a-virt-launcher-pod', expression: `!${hasController('VirtualMachineInstance')}` },
  // It holds a hotplugged volume and has no network of its own. A machine with such volumes does not migrate without it.
  { name: 'not-a-hotplug-attachment-pod', expression: `!(${isAttachmentPod()})` },
  {
    // A pod with our gate has no addresses yet: the update that removes the gate decides about its networks.
    name: 'pod-update-changes-its-networks',
    expression: `oldObject == null || (!${isGatedExpression('object')} && (${isGatedExpression('oldObject')} || ${WEBHOOK_ANNOTATIONS.map(changes).join(' || ')}))`,
  },
];

const machineConditions: readonly MatchCondition[] = [
  {
    // Not an update that only removes interfaces, and not the start of a machine that has all its addresses.
    name: 'vm-update-needs-an-address',
    expression: `oldObject == null || ${interfaces('object')}.exists(each, !(each in ${interfaces('oldObject')})) || (${isHalted('oldObject')} && !${isHalted('object')} && ${interfaces('object')}.exists(each, ${lacksAddress('each')}))`,
  },
];

export const instanceConditions: readonly MatchCondition[] = [
  // virt-controller creates one at every start of a machine, with the addresses of the machine.
  { name: 'not-owned-by-a-vm', expression: `!${hasController('VirtualMachine')}` },
];

/** The annotations by which an author asks for an address on a network, or names one. */
const REQUESTS = [
  ...WEBHOOK_ANNOTATIONS,
  ANNOTATIONS.allocation,
  ANNOTATIONS.allocationSelector,
  ANNOTATIONS.sticky,
  ANNOTATIONS.pool,
  ...Object.values(PRIMARY_MAC_ANNOTATIONS),
];

/**
 * Every other pod could get an address on its own interface only. Where all pods get addresses, those include the network of the
 * cluster, its DNS and its storage, which the webhook itself may need.
 */
export const namesANetwork: MatchCondition = {
  name: 'names-a-network-or-an-address',
  expression: `${hasAny('object', REQUESTS)} || (oldObject != null && ${hasAny('oldObject', REQUESTS)})`,
};

/** Conditions for virtual machines and their instances. */
const kubeVirtConditions: readonly MatchCondition[] = [
  ...onlyFor('virtualmachines', machineConditions),
  ...onlyFor('virtualmachineinstances', instanceConditions),
];

/** An object without an annotation that opts in. Those with one have an entry of their own, in whatever namespace they are. */
const unasked: readonly MatchCondition[] = [not(optedInByAnnotation), notBeingDeleted, notOptedOut];

/** The condition for pods of a selected namespace, and that for those of them that name a network or not. */
export const podNeedsAnAddress = allOf('needs-an-address', [...unasked, ...podConditions]);
export const podNamesANetwork = allOf('names-a-network', [...unasked, namesANetwork, ...podConditions]);
export const podNamesNoNetwork = allOf('names-no-network', [...unasked, not(namesANetwork), ...podConditions]);

/** The condition for virtual machines and their instances of a selected namespace. */
export const machineNeedsAnAddress = allOf('needs-an-address', [...unasked, ...kubeVirtConditions]);

/** The condition for every object, in any namespace. */
export const asksForAnAddress = allOf('asks-for-an-address', [
  optedInByAnnotation,
  notBeingDeleted,
  notOptedOut,
  ...onlyFor('pods', podConditions),
  ...kubeVirtConditions,
]);

/** Conditions for a claim that is created, or whose stamped fields change. */
export function allocationConditions(systemNamespace: string): readonly MatchCondition[] {
  return [
    notBeingDeleted,
    notTheOperator(systemNamespace),
    {
      name: 'created-or-stamp-touched',
      expression: `oldObject == null || ${STAMPED_FIELDS.map((field) => `object.spec.?${field} != oldObject.spec.?${field}`).join(' || ')}`,
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

/**
 * Makes one condition of several. The API server evaluates every condition of an entry, also after one that does not hold, and
 * most objects fail the first.
 */
function allOf(name: string, conditions: readonly MatchCondition[]): MatchCondition {
  return { name, expression: conditions.map(({ expression }) => `(${expression})`).join(' && ') };
}

function not({ name, expression }: MatchCondition): MatchCondition {
  return { name: `not-${name}`, expression: `!(${expression})` };
}

function hasAny(object: 'object' | 'oldObject', keys: readonly string[]): string {
  return `(${keys.map((key) => `${annotation(object, key)} != ''`).join(' || ')})`;
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

/**
 * Returns whether KubeVirt's object of this kind controls the object. A condition cannot check that the owner exists. An
 * author can make such a reference up, and then the policy for stray addresses evaluates the object instead of the webhook.
 */
function hasController(kind: string): string {
  return isControlledBy(`owner.kind == '${kind}' && owner.apiVersion.startsWith('kubevirt.io/')`);
}

function isControlledBy(owner: string): string {
  return `object.metadata.?ownerReferences.orValue([]).exists(owner, ${owner} && owner.?controller.orValue(false))`;
}

/**
 * Returns whether the pod says it is one in which KubeVirt attaches a hotplugged volume. The pod of the machine controls it.
 * A pod that names a network is none, so nobody gets round the webhook with an interface. Everything else that an author
 * could make up here only costs the address of the cluster's network, as `inject: "false"` does.
 */
function isAttachmentPod(): string {
  const networks = WEBHOOK_ANNOTATIONS.map((key) => `${annotation('object', key)} == ''`);
  const label = `object.metadata.?labels[?'kubevirt.io'].orValue('') == 'hotplug-disk'`;
  return [label, isControlledBy(`owner.kind == 'Pod' && owner.apiVersion == 'v1'`), ...networks].join(' && ');
}

function interfaces(object: 'object' | 'oldObject'): string {
  return `${object}.?spec.?template.?spec.?domain.?devices.?interfaces.orValue([])`;
}

/** Returns whether an interface would get an address at a start, as `planVm` decides. */
function lacksAddress(each: string): string {
  const isEmpty = `${each}.?macAddress.orValue('') == '' && ${each}.?state.orValue('') != 'absent'`;
  const isSecondary = `has(network.multus) && !network.multus.?default.orValue(false)`;
  const networks = `object.?spec.?template.?spec.?networks.orValue([])`;
  return `${isEmpty} && ${networks}.exists(network, network.?name == ${each}.?name && (has(${each}.masquerade) || ${isSecondary}))`;
}

/** KubeVirt treats a machine with neither `running` nor `runStrategy` as halted. */
function isHalted(object: 'object' | 'oldObject'): string {
  return `(${object}.?spec.?runStrategy.orValue(${object}.?spec.?running.orValue(false) ? 'Always' : 'Halted') == 'Halted')`;
}

/** Returns CEL that is true if the annotation that opts in or out is one of these words, in any case. */
function injectIs(object: 'object' | 'oldObject', words: readonly string[]): string {
  return `${annotation(object, ANNOTATIONS.inject)}.trim().lowerAscii() in [${words.map((word) => `'${word}'`).join(', ')}]`;
}
