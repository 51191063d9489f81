import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { anyMac } from '../api/fields.ts';
import { INJECTION_MODES } from '../api/injection-mode.ts';
import { OBSERVE_MODES } from '../api/observe-mode.ts';
import { POOL_STRATEGIES } from '../api/pool-strategy.ts';
import { EXPORT_FORMATS } from '../ledger/reservations/formats.ts';
import { DUPLICATES_MODES } from '../webhook/admit/check-duplicates.ts';
import { PRIMARY_CNIS } from '../webhook/plan/primary-target.ts';

/*
 * The values of the chart. `values.schema.json` is generated from this schema. Its objects are strict: Helm rejects a
 * misspelled key instead of ignoring it.
 */

const text = z.string();
const nonEmpty = z.string().min(1);
const name = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/);
const mac = anyMac('');
const duration = z.string().regex(/^[1-9][0-9]*[smhd]([0-9]+[smhd])*$/);
/** A duration that may be zero. */
const period = z.string().regex(/^([0-9]{1,6}[smhd]){1,4}$/);
/** IPv4 or IPv6, with the length of the prefix. The API server checks the rest. */
const cidr = z.string().regex(/^[0-9a-f.:]+\/[0-9]{1,3}$/i);
const port = z.int().min(1).max(65_535);
/** The name of an HTTP header (RFC 9110, section 5.1). */
const header = z.string().regex(/^[A-Za-z0-9-]+$/);
const strings = z.record(z.string(), z.string());
/** A part of the Kubernetes API that the chart passes on unchanged. The API server checks it. */
const anyObject = z.record(z.string(), z.unknown());
const objects = z.array(anyObject);
const replicas = z.int().min(1);
const pullSecrets = z.array(z.strictObject({ name: nonEmpty }));

/** Makes every key optional: the chart's own values are the defaults. */
function group<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape).partial();
}

const component = {
  replicas,
  resources: anyObject,
  serviceAccountAnnotations: strings,
  podLabels: strings,
  podAnnotations: strings,
  nodeSelector: strings,
  tolerations: objects,
  affinity: anyObject,
  topologySpreadConstraints: objects,
  extraEnv: z.array(z.looseObject({ name: nonEmpty })),
  nodeArgs: z.array(nonEmpty),
  extraVolumes: z.array(z.looseObject({ name: nonEmpty })),
  extraVolumeMounts: z.array(z.looseObject({ name: nonEmpty, mountPath: nonEmpty })),
};

export const chartValues = group({
  // Loose, because a parent chart gives all its charts the same keys.
  global: z.looseObject({ imageRegistry: text, imagePullSecrets: pullSecrets }).partial(),
  image: group({
    registry: text,
    repository: nonEmpty,
    tag: text,
    digest: z.string().regex(/^(sha256:[0-9a-f]{64})?$/),
    pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']),
  }),
  imagePullSecrets: pullSecrets,
  commonLabels: strings,
  podSecurityContext: anyObject,
  containerSecurityContext: anyObject,
  priorityClassName: text,
  prefixes: z.array(z.string().regex(/^[0-9a-fA-F]{2}([:-]?[0-9a-fA-F]{2}){0,3}([:-]?[0-9a-fA-F]{1,2})?$/)),
  clusterName: nonEmpty.max(253),
  clusterId: text.max(64),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']),
  pools: z.array(
    z.strictObject({
      name: name.max(63),
      first: mac,
      last: mac,
      description: text.max(256).optional(),
      autoReleaseAfter: duration.optional(),
      reuseDelay: duration.optional(),
      strategy: z.enum(POOL_STRATEGIES).optional(),
      paused: z.boolean().optional(),
    }),
  ),
  postgres: group({
    mode: z.enum(['external', 'bundled']),
    external: group({
      existingSecret: text,
      urlKey: nonEmpty,
      migrationUrlKey: nonEmpty,
      host: text,
      port,
      database: nonEmpty,
      user: text,
      userKey: text,
      passwordKey: nonEmpty,
      sslMode: z.enum(['verify-full', 'verify-ca', 'require', 'no-verify', 'disable']),
      ca: group({ existingSecret: text, key: nonEmpty }),
    }),
    bundled: group({
      image: nonEmpty,
      password: nonEmpty,
      storage: nonEmpty,
      storageClassName: text,
      resources: anyObject,
    }),
  }),
  crds: group({ enabled: z.boolean(), keep: z.boolean() }),
  operator: group({
    ...component,
    resyncSeconds: z.int().min(1).max(3_000),
    leaderLeaseSeconds: z.int().min(3).max(300),
    observe: z.enum(OBSERVE_MODES),
    exports: z.array(
      z.strictObject({
        configMap: name,
        format: z.enum(EXPORT_FORMATS),
        key: z
          .string()
          .regex(/^[-._a-zA-Z0-9]{1,253}$/)
          .optional(),
        pools: z.array(name.max(63)).min(1).optional(),
        type: nonEmpty.max(128).optional(),
      }),
    ),
  }),
  webhook: group({
    ...component,
    port: port.min(1_024),
    hostNetwork: z.boolean(),
    pods: group({ mode: z.enum(INJECTION_MODES) }),
    virtualMachines: group({ mode: z.enum(INJECTION_MODES) }),
    pool: name.max(63),
    primaryCni: z.enum(PRIMARY_CNIS),
    primaryNetwork: z.string().regex(/^[a-z0-9][-a-z0-9]{0,62}\/[a-z0-9][-a-z0-9]{0,62}$/),
    multusNamespace: name.max(63),
    whenLedgerAway: z.enum(['gate', 'refuse']),
    duplicates: z.enum(DUPLICATES_MODES),
    stock: group({ cover: period }),
    exemptNamespaces: z.array(name.max(63)),
    clientCA: group({
      existingConfigMap: z.union([name, z.literal('')]),
      existingSecret: z.union([name, z.literal('')]),
      key: nonEmpty,
      // The webhook gets them as one text with commas.
      allowedNames: z.array(z.string().regex(/^[^,\s][^,]*$/)),
    }),
    drainSeconds: z.int().min(0).max(300),
  }),
  policy: group({
    strayAddresses: z.enum(['deny', 'warn', 'off']),
    exemptUsers: z.array(nonEmpty),
  }),
  readApi: group({ enabled: z.boolean(), port: port.min(1_024) }),
  dashboard: group({
    ...component,
    enabled: z.boolean(),
    proxySecret: group({ existingSecret: name, key: nonEmpty }),
    userHeader: header,
    groupsHeader: header,
    port: port.min(1_024),
    proxyPodLabels: strings,
  }),
  uninstall: group({ hook: z.boolean() }),
  test: group({ namespace: name.max(63) }),
  podDisruptionBudget: group({ enabled: z.boolean() }),
  networkPolicy: group({
    enabled: z.boolean(),
    apiServerPorts: z.array(port).min(1),
    apiServerCIDRs: z.array(cidr),
    nodeCIDRs: z.array(cidr),
    extraEgress: objects,
  }),
  extraObjects: z.array(z.looseObject({ apiVersion: nonEmpty, kind: nonEmpty })),
  monitoring: group({
    renderMode: z.enum(['skipIfMissing', 'failIfMissing', 'alwaysRender']),
    audience: text,
    grafana: group({ enabled: z.boolean(), labels: strings }),
    serviceMonitor: group({ enabled: z.boolean(), interval: nonEmpty, labels: strings, tokenFile: nonEmpty }),
    rules: group({ enabled: z.boolean(), labels: strings, runbookUrl: text }),
  }),
});

/** Returns the content of `values.schema.json`. */
export function chartSchema(): unknown {
  return z.toJSONSchema(chartValues, { target: 'draft-7' });
}

/** Returns the chart's default values. */
export function chartDefaults(): z.infer<typeof chartValues> {
  return chartValues.parse(parse(readFileSync(new URL('../charts/rock-mac/values.yaml', import.meta.url), 'utf8')));
}
