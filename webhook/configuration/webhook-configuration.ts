import { allocationWrites } from '../../api/allocation-writes.ts';
import { type InjectionMode, type LabelRequirement, selectedNamespaces } from '../../api/injection-mode.ts';
import { GROUP, WEBHOOK_CONFIGURATION } from '../../api/names.ts';
import {
  allocationConditions,
  asksForAnAddress,
  machineNeedsAnAddress,
  type MatchCondition,
  podNamesANetwork,
  podNamesNoNetwork,
  podNeedsAnAddress,
  releaseConditions,
} from './match-conditions.ts';

/** Where the API server finds the webhook. */
export interface WebhookAddress {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
}

/** The paths of the server, one for each kind of review. */
export const PATHS = {
  workloads: '/admit/workloads',
  ownInterfaces: '/admit/own-interfaces',
  allocations: '/admit/allocations',
  releases: '/admit/releases',
} as const;

const POD_RULES = [
  { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['pods'], scope: 'Namespaced' },
];

const MACHINE_RULES = [
  {
    apiGroups: ['kubevirt.io'],
    apiVersions: ['*'],
    operations: ['CREATE', 'UPDATE'],
    resources: ['virtualmachines'],
    scope: 'Namespaced',
  },
  // Never UPDATE: the kind has no status subresource, so every status report of a node would be sent here.
  {
    apiGroups: ['kubevirt.io'],
    apiVersions: ['*'],
    operations: ['CREATE'],
    resources: ['virtualmachineinstances'],
    scope: 'Namespaced',
  },
];

const WORKLOADS = { path: PATHS.workloads, failurePolicy: 'Fail', sideEffects: 'NoneOnDryRun' } as const;

/**
 * Returns the MutatingWebhookConfiguration without a CA bundle, which the webhook publishes itself. A chart that rendered
 * it would restore an old bundle at every upgrade.
 *
 * The entries for pods and machines take the objects of the namespaces that the mode selects, and `inject-objects` those that
 * opted in by their own annotation, in any namespace. So no object is sent twice.
 *
 * `IfNeeded`: another plugin that runs after us may replace the networks of a pod. Then they have no address, or one that
 * the addresses annotation does not report. `webhook/allocate/earlier-admission.ts` says what a second review gets.
 */
export function mutatingConfiguration(
  address: WebhookAddress,
  selected: readonly Record<string, unknown>[],
): Record<string, unknown> {
  return configuration('MutatingWebhookConfiguration', [
    ...selected,
    injecting(address, {
      ...WORKLOADS,
      name: 'inject-objects',
      rules: [...POD_RULES, ...MACHINE_RULES],
      namespaceSelector: notExempt(address, []),
      matchConditions: [asksForAnAddress],
    }),
    {
      ...entry(address, {
        name: 'stamp-requester',
        path: PATHS.allocations,
        // Of every namespace, also of ours and kube-system: no process needs a claim in order to start.
        rules: [allocationWrites('CREATE', 'UPDATE')],
        matchConditions: allocationConditions(address.namespace),
        failurePolicy: 'Fail',
        sideEffects: 'None',
      }),
      reinvocationPolicy: 'Never',
    },
  ]);
}

/**
 * Returns the entries for pods that did not opt in themselves. Where all pods get addresses, only those that name a network or an
 * address depend on the webhook. The others have the second entry, for clusters with a primary CNI.
 */
export function podEntries(address: WebhookAddress, mode: InjectionMode): readonly Record<string, unknown>[] {
  const pods = { rules: POD_RULES, namespaceSelector: notExempt(address, selectedNamespaces(mode)) };
  if (mode === 'opt-in') {
    return [injecting(address, { ...WORKLOADS, ...pods, name: 'inject-pods', matchConditions: [podNeedsAnAddress] })];
  }
  const ownInterfaces = { path: PATHS.ownInterfaces, failurePolicy: 'Ignore', timeoutSeconds: 2 } as const;
  return [
    injecting(address, { ...WORKLOADS, ...pods, name: 'inject-pods', matchConditions: [podNamesANetwork] }),
    injecting(address, {
      ...WORKLOADS,
      ...pods,
      ...ownInterfaces,
      name: 'inject-own-interfaces',
      matchConditions: [podNamesNoNetwork],
    }),
  ];
}

/** Returns the entry for virtual machines and their instances that did not opt in themselves. */
export function machineEntries(address: WebhookAddress, mode: InjectionMode): readonly Record<string, unknown>[] {
  return [
    injecting(address, {
      ...WORKLOADS,
      name: 'inject-machines',
      rules: MACHINE_RULES,
      namespaceSelector: notExempt(address, selectedNamespaces(mode)),
      matchConditions: [machineNeedsAnAddress],
    }),
  ];
}

/** Returns the ValidatingWebhookConfiguration. `Ignore`, because recording a release must not block a deletion. */
export function validatingConfiguration(address: WebhookAddress): Record<string, unknown> {
  return configuration('ValidatingWebhookConfiguration', [
    entry(address, {
      name: 'record-release',
      path: PATHS.releases,
      rules: [allocationWrites('DELETE')],
      matchConditions: releaseConditions(address.namespace),
      failurePolicy: 'Ignore',
      sideEffects: 'NoneOnDryRun',
    }),
  ]);
}

function configuration(kind: string, webhooks: readonly unknown[]): Record<string, unknown> {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name: WEBHOOK_CONFIGURATION },
    webhooks,
  };
}

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly rules: readonly unknown[];
  readonly namespaceSelector?: Record<string, unknown>;
  readonly matchConditions: readonly MatchCondition[];
  readonly failurePolicy: 'Fail' | 'Ignore';
  readonly sideEffects: 'None' | 'NoneOnDryRun';
  readonly timeoutSeconds?: number;
}

function injecting(address: WebhookAddress, options: Entry): Record<string, unknown> {
  return { ...entry(address, options), reinvocationPolicy: 'IfNeeded' };
}

function entry(address: WebhookAddress, { name, path, ...rest }: Entry): Record<string, unknown> {
  return {
    name: `${name}.${GROUP}`,
    admissionReviewVersions: ['v1'],
    clientConfig: { service: { namespace: address.namespace, name: address.service, port: address.port, path } },
    matchPolicy: 'Equivalent',
    timeoutSeconds: 5,
    ...rest,
  };
}

/**
 * Selects namespaces by the name label, which the API server sets: with any other label a tenant could exempt itself. An
 * installation adds the namespace of a Postgres in the cluster to the list. Otherwise Postgres and the webhook would wait
 * for each other to start.
 */
function notExempt({ namespace }: WebhookAddress, requirements: readonly LabelRequirement[]) {
  return {
    matchExpressions: [
      {
        key: 'kubernetes.io/metadata.name',
        operator: 'NotIn',
        values: ['kube-system', namespace],
      },
      ...requirements,
    ],
  };
}
