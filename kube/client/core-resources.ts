import { z } from 'zod';
import { type KubeObject, objectMeta } from './objects.ts';
import type { Resource } from './resource.ts';

/*
 * The built-in kinds that rock-mac reads or writes, each with only the fields that it uses.
 */

const metadataSchema = z.object({ metadata: objectMeta });

export const namespaces: Resource<KubeObject> = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
  schema: metadataSchema,
};

/** The metadata of pods. The operator reads pods by a schema of its own. */
export const pods: Resource<KubeObject> = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
  schema: metadataSchema,
};

const nodeSchema = z.object({
  metadata: objectMeta,
  spec: z
    .object({
      taints: z
        .array(z.object({ key: z.string() }))
        .nullish()
        .transform((taints) => taints ?? []),
    })
    .default({ taints: [] }),
  status: z
    .object({
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), lastTransitionTime: z.string().nullish() }))
        .nullish()
        .transform((conditions) => conditions ?? []),
    })
    .default({ conditions: [] }),
});
export type Node = z.infer<typeof nodeSchema>;

export const nodes: Resource<Node> = {
  group: '',
  version: 'v1',
  plural: 'nodes',
  kind: 'Node',
  namespaced: false,
  schema: nodeSchema,
};

const secretSchema = z.object({
  metadata: objectMeta,
  type: z.string().optional(),
  /** Base64. */
  data: z.record(z.string(), z.string()).optional(),
  immutable: z.boolean().optional(),
});
export type Secret = z.infer<typeof secretSchema>;

export const secrets: Resource<Secret> = {
  group: '',
  version: 'v1',
  plural: 'secrets',
  kind: 'Secret',
  namespaced: true,
  schema: secretSchema,
};

const configMapSchema = z.object({ metadata: objectMeta, data: z.record(z.string(), z.string()).optional() });
export type ConfigMap = z.infer<typeof configMapSchema>;

export const configMaps: Resource<ConfigMap> = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
  schema: configMapSchema,
};

const serviceSchema = z.object({
  metadata: objectMeta,
  spec: z.object({
    clusterIP: z.string().optional(),
    ports: z
      .array(
        z.object({
          name: z.string().optional(),
          port: z.number(),
          targetPort: z.union([z.number(), z.string()]).optional(),
        }),
      )
      .optional(),
  }),
});
export type Service = z.infer<typeof serviceSchema>;

export const services: Resource<Service> = {
  group: '',
  version: 'v1',
  plural: 'services',
  kind: 'Service',
  namespaced: true,
  schema: serviceSchema,
};

const leaseSchema = z.object({
  metadata: objectMeta,
  spec: z
    .object({
      holderIdentity: z.string().optional(),
      leaseDurationSeconds: z.number().optional(),
      acquireTime: z.string().optional(),
      renewTime: z.string().optional(),
      leaseTransitions: z.number().optional(),
    })
    .default({}),
});
export type Lease = z.infer<typeof leaseSchema>;

export const leases: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
  schema: leaseSchema,
};

const eventSchema = z.object({
  metadata: objectMeta,
  eventTime: z.string().nullish(),
  reason: z.string().optional(),
  action: z.string().optional(),
  note: z.string().optional(),
  type: z.string().optional(),
  reportingController: z.string().optional(),
  reportingInstance: z.string().optional(),
  regarding: z
    .object({
      apiVersion: z.string().optional(),
      kind: z.string().optional(),
      namespace: z.string().optional(),
      name: z.string().optional(),
      uid: z.string().optional(),
    })
    .optional(),
  series: z.object({ count: z.number(), lastObservedTime: z.string() }).nullish(),
});
export type KubeEvent = z.infer<typeof eventSchema>;

export const events: Resource<KubeEvent> = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
  schema: eventSchema,
};

const customResourceDefinitionSchema = z.object({
  metadata: objectMeta,
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string(), plural: z.string() }),
    versions: z.array(z.object({ name: z.string(), served: z.boolean(), storage: z.boolean() })),
  }),
  status: z
    .object({
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).nullish(),
    })
    .optional(),
});
export type CustomResourceDefinition = z.infer<typeof customResourceDefinitionSchema>;

export const customResourceDefinitions: Resource<CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
  schema: customResourceDefinitionSchema,
};

const webhookConfigurationSchema = z.object({
  metadata: objectMeta,
  webhooks: z
    .array(z.object({ name: z.string(), clientConfig: z.object({ caBundle: z.string().optional() }) }))
    .nullish()
    .transform((webhooks) => webhooks ?? []),
});
export type WebhookConfiguration = z.infer<typeof webhookConfigurationSchema>;

/** The schema has only names and CA bundles, so patch these objects and never update them. */
export const mutatingWebhookConfigurations: Resource<WebhookConfiguration> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingwebhookconfigurations',
  kind: 'MutatingWebhookConfiguration',
  namespaced: false,
  schema: webhookConfigurationSchema,
};

/** Patch only, like mutatingWebhookConfigurations. */
export const validatingWebhookConfigurations: Resource<WebhookConfiguration> = {
  ...mutatingWebhookConfigurations,
  plural: 'validatingwebhookconfigurations',
  kind: 'ValidatingWebhookConfiguration',
};

const apiServiceSchema = z.object({
  metadata: objectMeta,
  spec: z.object({
    caBundle: z.string().optional(),
    service: z.object({ namespace: z.string(), name: z.string(), port: z.number().optional() }).optional(),
  }),
  status: z
    .object({
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), lastTransitionTime: z.string().nullish() }))
        .nullish(),
    })
    .optional(),
});
export type ApiService = z.infer<typeof apiServiceSchema>;

/** The schema is partial, so apply these objects and never update them. */
export const apiServices: Resource<ApiService> = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  plural: 'apiservices',
  kind: 'APIService',
  namespaced: false,
  schema: apiServiceSchema,
};

/** Only their uid is used, for owner references. */
export const deployments: Resource<KubeObject> = {
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
  schema: metadataSchema,
};

export const clusterRoles: Resource<KubeObject> = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural: 'clusterroles',
  kind: 'ClusterRole',
  namespaced: false,
  schema: metadataSchema,
};
