import { z } from 'zod';
import { pods } from '../../kube/client/core-resources.ts';
import { type KubeObject, objectMeta } from '../../kube/client/objects.ts';
import { metadataOnly, type Resource } from '../../kube/client/resource.ts';

/* What `doctor` reads of an installation, with only the fields that it uses. */

const pod = z.object({
  metadata: objectMeta,
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
  }),
});

export const componentPods: Resource<z.infer<typeof pod>> = { ...pods, schema: pod };

const webhookConfiguration = z.object({
  metadata: objectMeta,
  webhooks: z
    .array(
      z.object({
        clientConfig: z.object({
          caBundle: z.string().optional(),
          service: z.object({ namespace: z.string(), name: z.string() }).optional(),
        }),
      }),
    )
    .default([]),
});

export const webhookConfigurations: Resource<z.infer<typeof webhookConfiguration>> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingwebhookconfigurations',
  kind: 'MutatingWebhookConfiguration',
  namespaced: false,
  schema: webhookConfiguration,
};

export const policyBindings: Resource<KubeObject> = metadataOnly({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingadmissionpolicybindings',
  kind: 'ValidatingAdmissionPolicyBinding',
  namespaced: false,
  schema: z.object({ metadata: objectMeta }),
});
