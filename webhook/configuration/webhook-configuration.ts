import { GROUP, VERSION, WEBHOOK_CONFIGURATION } from '../../api/names.ts';
import {
  allocationConditions,
  asksForAnAddress,
  type MatchCondition,
  needsAnAddress,
  releaseConditions,
} from './match-conditions.ts';
import { type Namespaces, selectNamespaces } from './seen-by-webhook.ts';

/** Where the API server finds the webhook. */
export interface WebhookAddress {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
}

/** The paths of the server, one for each kind of review. */
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
  // Never UPDATE: the kind has no status subresource, so every status report of a node would be sent here.
  {
    apiGroups: ['kubevirt.io'],
    apiVersions: ['*'],
    operations: ['CREATE'],
    resources: ['virtualmachineinstances'],
    scope: 'Namespaced',
  },
];

/**
 * Returns the MutatingWebhookConfiguration without a CA bundle, which the webhook publishes itself. A chart that rendered
 * it would restore an old bundle at every upgrade.
 *
 * The first two entries differ in how an object opted in: by the label of its namespace, or by its own annotation in a
 * namespace without the label. So no object is sent twice.
 *
 * `IfNeeded`: another plugin that runs after us may replace the networks of a pod. Then they have no address, or one that
 * the addresses annotation does not report. `webhook/allocate/earlier-admission.ts` says what a second review gets.
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
        namespaceSelector: namespacesWhere('opted-in', address),
        matchConditions: [needsAnAddress],
      }),
      reinvocationPolicy: 'IfNeeded',
    },
    {
      ...entry(address, {
        ...workloads,
        name: 'inject-objects',
        namespaceSelector: namespacesWhere('others', address),
        matchConditions: [asksForAnAddress],
      }),
      reinvocationPolicy: 'IfNeeded',
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

/** Returns the ValidatingWebhookConfiguration. `Ignore`, because recording a release must not block a deletion. */
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
 * Selects namespaces by the name label, which the API server sets: with any other label a tenant could exempt itself. An
 * installation adds the namespace of a Postgres in the cluster to the list. Otherwise Postgres and the webhook would wait
 * for each other to start.
 */
function namespacesWhere(namespaces: Namespaces, { namespace }: WebhookAddress) {
  return {
    matchExpressions: [
      {
        key: 'kubernetes.io/metadata.name',
        operator: 'NotIn',
        values: ['kube-system', namespace],
      },
      ...selectNamespaces(namespaces).matchExpressions,
    ],
  };
}

/** Applies to every namespace, also to ours and kube-system: no process needs a claim in order to start. */
function allocationRules(...operations: readonly string[]): readonly unknown[] {
  return [
    { apiGroups: [GROUP], apiVersions: [VERSION], operations, resources: ['macallocations'], scope: 'Namespaced' },
  ];
}
