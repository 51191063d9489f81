import { OPERATOR_SERVICE_ACCOUNT, READ_API_SERVICE, SYSTEM_NAMESPACE, WEBHOOK_SERVICE } from '../api/names.ts';
import { poolUseBinding, poolUsePolicy } from '../api/pool-use-policy.ts';
import { peopleRoles, POOL_READER, type PeopleRole } from '../api/roles.ts';
import { operatorClusterRules, operatorNamespaceRules } from '../operator/rbac.ts';
import { webhookClusterRules, webhookNamespaceRules } from '../webhook/rbac.ts';
import { mutatingConfiguration, validatingConfiguration } from '../webhook/configuration/webhook-configuration.ts';

/*
 * The plain manifests of an installation, for `kubectl apply -f`. What a cluster must have to run the two processes is
 * apart from the processes themselves, since the test environment runs those as plain processes under the same rights.
 */

type Manifest = Record<string, unknown>;

/** Of the Service and of the container; 10250 is open from the control plane on managed clusters too. */
const WEBHOOK_PORT = 10_250;
const READ_API_PORT = 10_250;
const HEALTH_PORT = 8081;
const METRICS_PORT = 8443;

const RBAC = 'rbac.authorization.k8s.io/v1';

/**
 * What Node.js is told for the operator. It reads whole clusters, and most of what it makes is thrown away at once: it shall
 * collect soon rather than take what it could get. Measured by `make bench-operator`.
 */
export const OPERATOR_NODE_ARGS = ['--optimize-for-size'];

/** The Secret that the installer makes: key `url` holds the Postgres URL of the ledger. */
const LEDGER_SECRET = 'rock-mac-ledger';

export function namespaceManifest(): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: SYSTEM_NAMESPACE,
      labels: { ...partOf(), 'pod-security.kubernetes.io/enforce': 'restricted' },
    },
  };
}

export function rbacManifests(): readonly Manifest[] {
  return [
    ...identity(OPERATOR_SERVICE_ACCOUNT, operatorClusterRules, operatorNamespaceRules),
    ...identity('rock-mac-webhook', webhookClusterRules, webhookNamespaceRules),
  ];
}

/** The rights of people, of which only the reading of pools is given to everybody. */
export function roleManifests(): readonly Manifest[] {
  return [
    ...peopleRoles.map(clusterRole),
    {
      apiVersion: RBAC,
      kind: 'ClusterRoleBinding',
      metadata: { name: POOL_READER, labels: partOf() },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: POOL_READER },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:authenticated' }],
    },
  ];
}

function clusterRole({ name, aggregatesTo, rules }: PeopleRole): Manifest {
  const aggregation =
    aggregatesTo === undefined ? {} : { [`rbac.authorization.k8s.io/aggregate-to-${aggregatesTo}`]: 'true' };
  return { apiVersion: RBAC, kind: 'ClusterRole', metadata: { name, labels: { ...partOf(), ...aggregation } }, rules };
}

export function admissionManifests(): readonly Manifest[] {
  const address = { namespace: SYSTEM_NAMESPACE, service: WEBHOOK_SERVICE, port: WEBHOOK_PORT };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: meta(WEBHOOK_SERVICE),
      spec: {
        selector: selector('rock-mac-webhook'),
        ports: [{ name: 'https', port: WEBHOOK_PORT, targetPort: 'https', protocol: 'TCP' }],
      },
    },
    mutatingConfiguration(address),
    validatingConfiguration(address),
    poolUsePolicy(SYSTEM_NAMESPACE),
    poolUseBinding(),
  ];
}

/**
 * The Service of the read API, and its right to know who may ask. The APIService is not among them: an operator that
 * answers makes it (kube/client/api-service.ts).
 */
export function readApiManifests(): readonly Manifest[] {
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: meta(READ_API_SERVICE),
      spec: {
        selector: selector('rock-mac-operator'),
        ports: [{ name: 'https', port: READ_API_PORT, targetPort: 'read-api', protocol: 'TCP' }],
      },
    },
    {
      // Who the API server is when it passes a request on.
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: READ_API_SERVICE, namespace: 'kube-system', labels: partOf() },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'Role',
        name: 'extension-apiserver-authentication-reader',
      },
      subjects: [{ kind: 'ServiceAccount', name: OPERATOR_SERVICE_ACCOUNT, namespace: SYSTEM_NAMESPACE }],
    },
  ];
}

export function workloadManifests(version: string): readonly Manifest[] {
  const image = `rock-mac:${version}`;
  // Before anything new starts: programs go with a schema that is newer than they are, not with an older one.
  const migration = container('migrate', {
    image,
    args: ['rock-mac.js', 'migrate', '--no-backup'],
    env: [ledgerUrl()],
    resources: resources(),
  });
  return [
    deployment('rock-mac-operator', {
      initContainers: [migration],
      containers: [
        container('operator', {
          image,
          args: [...OPERATOR_NODE_ARGS, 'operator.js'],
          env: [
            ledgerUrl(),
            { name: 'ROCK_MAC_IDENTITY', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'ROCK_MAC_READ_API_PORT', value: String(READ_API_PORT) },
          ],
          ports: [
            { name: 'health', containerPort: HEALTH_PORT },
            { name: 'read-api', containerPort: READ_API_PORT },
            { name: 'metrics', containerPort: METRICS_PORT },
          ],
          resources: resources(),
          ...probes(),
        }),
      ],
    }),
    deployment('rock-mac-webhook', {
      initContainers: [migration],
      containers: [
        container('webhook', {
          image,
          args: ['webhook.js'],
          env: [ledgerUrl(), { name: 'ROCK_MAC_WEBHOOK_PORT', value: String(WEBHOOK_PORT) }],
          ports: [
            { name: 'https', containerPort: WEBHOOK_PORT },
            { name: 'health', containerPort: HEALTH_PORT },
            { name: 'metrics', containerPort: METRICS_PORT },
          ],
          resources: resources(),
          ...probes(),
        }),
      ],
    }),
    disruptionBudget('rock-mac-operator'),
    disruptionBudget('rock-mac-webhook'),
  ];
}

function identity(name: string, clusterRules: readonly unknown[], namespaceRules: readonly unknown[]): Manifest[] {
  const subjects = [{ kind: 'ServiceAccount', name, namespace: SYSTEM_NAMESPACE }];
  const roleRef = (kind: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
  const clusterMeta = { name, labels: partOf() };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(name) },
    { apiVersion: RBAC, kind: 'ClusterRole', metadata: clusterMeta, rules: clusterRules },
    { apiVersion: RBAC, kind: 'ClusterRoleBinding', metadata: clusterMeta, roleRef: roleRef('ClusterRole'), subjects },
    { apiVersion: RBAC, kind: 'Role', metadata: meta(name), rules: namespaceRules },
    { apiVersion: RBAC, kind: 'RoleBinding', metadata: meta(name), roleRef: roleRef('Role'), subjects },
  ];
}

function deployment(name: string, pod: Manifest): Manifest {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta(name),
    spec: {
      replicas: 2,
      selector: { matchLabels: selector(name) },
      // One more before one less: the webhook must never be down to what is starting.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels: { ...partOf(), ...selector(name) } },
        spec: {
          serviceAccountName: name,
          securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: selector(name) },
            },
          ],
          ...pod,
        },
      },
    },
  };
}

function container(name: string, rest: Manifest): Manifest {
  return {
    name,
    imagePullPolicy: 'IfNotPresent',
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    ...rest,
  };
}

function disruptionBudget(name: string): Manifest {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: meta(name),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: selector(name) },
    },
  };
}

function probes(): Manifest {
  return {
    livenessProbe: { httpGet: { path: '/healthz', port: 'health' }, periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { httpGet: { path: '/readyz', port: 'health' }, periodSeconds: 2, failureThreshold: 1 },
  };
}

function resources(): Manifest {
  return { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } };
}

function ledgerUrl(): Manifest {
  return { name: 'ROCK_MAC_LEDGER_URL', valueFrom: { secretKeyRef: { name: LEDGER_SECRET, key: 'url' } } };
}

function meta(name: string): Manifest {
  return { name, namespace: SYSTEM_NAMESPACE, labels: partOf() };
}

function partOf(): Record<string, string> {
  return { 'app.kubernetes.io/name': 'rock-mac', 'app.kubernetes.io/part-of': 'rock-mac' };
}

function selector(name: string): Record<string, string> {
  return { 'app.kubernetes.io/component': name };
}
