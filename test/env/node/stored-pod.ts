import { z } from 'zod';
import type { KubeObject } from '../../../kube/client/objects.ts';
import { objectMeta } from '../../../kube/client/objects.ts';
import type { Resource } from '../../../kube/client/resource.ts';

/*
 * The fields of pods and Services that the kubelet of the test environment needs.
 */

const keyRef = z.object({ name: z.string().default(''), key: z.string(), optional: z.boolean().optional() });
const variable = z.object({
  name: z.string(),
  value: z.string().default(''),
  valueFrom: z
    .strictObject({
      secretKeyRef: keyRef.optional(),
      configMapKeyRef: keyRef.optional(),
      fieldRef: z.object({ fieldPath: z.string() }).optional(),
    })
    .optional(),
});
export type Variable = z.infer<typeof variable>;

const portName = z.union([z.string(), z.number()]);
const container = z.object({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  workingDir: z.string().optional(),
  env: z.array(variable).default([]),
  envFrom: z.array(z.unknown()).max(0, 'envFrom is not something that this kubelet can do').optional(),
  ports: z.array(z.object({ name: z.string().optional(), containerPort: z.number() })).default([]),
  readinessProbe: z
    .object({
      httpGet: z.object({ path: z.string(), port: portName }).optional(),
      tcpSocket: z.object({ port: portName }).optional(),
    })
    .optional(),
  securityContext: z.object({ runAsUser: z.number().optional() }).optional(),
  volumeMounts: z
    .array(
      z.object({
        name: z.string(),
        mountPath: z.string(),
        subPath: z.string().default(''),
        readOnly: z.boolean().default(false),
      }),
    )
    .default([]),
});
export type Container = z.infer<typeof container>;

const items = z.array(z.object({ key: z.string(), path: z.string() })).optional();
const volume = z.object({
  name: z.string(),
  emptyDir: z.object({}).optional(),
  persistentVolumeClaim: z.object({ claimName: z.string() }).optional(),
  secret: z.object({ secretName: z.string(), items }).optional(),
  configMap: z.object({ name: z.string(), items }).optional(),
  projected: z
    .object({
      sources: z.array(
        z.strictObject({
          secret: z.object({ name: z.string(), items }).optional(),
          configMap: z.object({ name: z.string(), items }).optional(),
          serviceAccountToken: z
            .object({ path: z.string(), audience: z.string().optional(), expirationSeconds: z.number().optional() })
            .optional(),
          downwardAPI: z
            .object({ items: z.array(z.object({ path: z.string(), fieldRef: z.object({ fieldPath: z.string() }) })) })
            .optional(),
        }),
      ),
    })
    .optional(),
});
export type Volume = z.infer<typeof volume>;

const storedPod = z.object({
  metadata: objectMeta.extend({ namespace: z.string() }),
  spec: z.object({
    restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).default('Always'),
    serviceAccountName: z.string().default('default'),
    securityContext: z.object({ runAsUser: z.number().optional(), fsGroup: z.number().optional() }).optional(),
    initContainers: z.array(container).default([]),
    containers: z.array(container),
    volumes: z.array(volume).default([]),
  }),
  status: z.object({ phase: z.string().default('Pending') }).default({ phase: 'Pending' }),
});
export type StoredPod = z.infer<typeof storedPod>;

const core = { group: '', version: 'v1', namespaced: true } as const;

export const pods: Resource<StoredPod> = { ...core, plural: 'pods', kind: 'Pod', schema: storedPod };

const storedService = z.object({
  metadata: objectMeta,
  spec: z.object({
    clusterIP: z.string().optional(),
    selector: z.record(z.string(), z.string()).optional(),
    ports: z.array(z.object({ port: z.number(), targetPort: portName.optional() })).default([]),
  }),
});
export type StoredService = z.infer<typeof storedService>;

export const services: Resource<StoredService> = {
  ...core,
  plural: 'services',
  kind: 'Service',
  schema: storedService,
};

export const persistentVolumeClaims: Resource<KubeObject> = {
  ...core,
  plural: 'persistentvolumeclaims',
  kind: 'PersistentVolumeClaim',
  schema: z.object({ metadata: objectMeta }),
};

/** Text by key: plain in a ConfigMap, base64 in a Secret. */
const keyed = z.object({ metadata: objectMeta, data: z.record(z.string(), z.string()).default({}) });
type Keyed = KubeObject & { readonly data: Readonly<Record<string, string>> };

export const configMaps: Resource<Keyed> = { ...core, plural: 'configmaps', kind: 'ConfigMap', schema: keyed };
export const secrets: Resource<Keyed> = { ...core, plural: 'secrets', kind: 'Secret', schema: keyed };
