import { GROUP, LABELS, VERSION, WEBHOOK_CONFIGURATION } from '../../api/names.ts';
import {
  allocationConditions,
  askedItself,
  releaseConditions,
  workloadConditions,
  type MatchCondition,
} from './match-conditions.ts';

/** Where the API server finds the webhook. */
export interface WebhookAddress {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
}

/** The paths of the server, one for each kind of question. */
export const PATHS = {
  workloads: '/admit/workloads',
  allocations: '/admit/allocations',
  releases: '/admit/releases',
} as const;

const WORKLOAD_RULES = [
  { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['pods'], scope: 'Namespaced' },
  {
    apiGroups: ['kubevirt.io'],
    apiVersions: ['*'],
    operations: ['CREATE', 'UPDATE'],
    resources: ['virtualmachines'],
    scope: 'Namespaced',
  },
  // Never UPDATE: the kind has no status subresource, so that each report of a node would come by here.
  {
    apiGroups: ['kubevirt.io'],
    apiVersions: ['*'],
    operations: ['CREATE'],
    resources: ['virtualmachineinstances'],
    scope: 'Namespaced',
  },
];

/**
 * The MutatingWebhookConfiguration, without a CA bundle: the webhook publishes that itself, and a chart that rendered it
 * would put an old one back at every upgrade.
 *
 * The first two entries differ in how an object opted in, so that no object is sent by both: the label of its namespace,
 * or its own annotation in a namespace without the label.
 */
export function mutatingConfiguration(address: WebhookAddress): Record<string, unknown> {
  const workloads = {
    path: PATHS.workloads,
    rules: WORKLOAD_RULES,
    failurePolicy: 'Fail',
    sideEffects: 'NoneOnDryRun',
  } as const;
  return configuration('MutatingWebhookConfiguration', [
    {
      ...entry(address, {
        ...workloads,
        name: 'inject-namespaces',
        namespaceSelector: namespacesWhere('In', address),
        matchConditions: workloadConditions,
      }),
      reinvocationPolicy: 'Never',
    },
    {
      ...entry(address, {
        ...workloads,
        name: 'inject-objects',
        namespaceSelector: namespacesWhere('NotIn', address),
        matchConditions: [askedItself, ...workloadConditions],
      }),
      reinvocationPolicy: 'Never',
    },
    {
      ...entry(address, {
        name: 'stamp-requester',
        path: PATHS.allocations,
        rules: allocationRules('CREATE', 'UPDATE'),
        matchConditions: allocationConditions(address.namespace),
        failurePolicy: 'Fail',
        sideEffects: 'None',
      }),
      reinvocationPolicy: 'Never',
    },
  ]);
}

/** Who asks for a release is worth knowing, but not worth holding a deletion back: hence `Ignore`. */
export function validatingConfiguration(address: WebhookAddress): Record<string, unknown> {
  return configuration('ValidatingWebhookConfiguration', [
    entry(address, {
      name: 'record-release',
      path: PATHS.releases,
      rules: allocationRules('DELETE'),
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
}

function entry(address: WebhookAddress, { name, path, ...rest }: Entry): Record<string, unknown> {
  return {
    name: `${name}.${GROUP}`,
    admissionReviewVersions: ['v1'],
    clientConfig: { service: { namespace: address.namespace, name: address.service, port: address.port, path } },
    matchPolicy: 'Equivalent',
    ...rest,
    timeoutSeconds: 5,
  };
}

/**
 * By the name that the API server itself sets: a label of its own choosing would let a tenant exempt itself. An installation
 * adds more names to the list: where a Postgres in the cluster waits for us to be let start, neither ever starts.
 */
function namespacesWhere(operator: 'In' | 'NotIn', { namespace }: WebhookAddress) {
  return {
    matchExpressions: [
      {
        key: 'kubernetes.io/metadata.name',
        operator: 'NotIn',
        values: ['kube-system', namespace],
      },
      { key: LABELS.inject, operator, values: ['enabled'] },
    ],
  };
}

/** In every namespace, ours and kube-system included: a claim is nobody's start-up. */
function allocationRules(...operations: readonly string[]): readonly unknown[] {
  return [
    { apiGroups: [GROUP], apiVersions: [VERSION], operations, resources: ['macallocations'], scope: 'Namespaced' },
  ];
}
