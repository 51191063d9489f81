import { z } from 'zod';
import { allocationMetadataPolicy } from '../api/allocation-metadata-policy.ts';
import { claimRolloutPolicy } from '../api/claim-rollout-policy.ts';
import { customResourceDefinitions } from '../api/crds.ts';
import { handoverPolicy } from '../api/handover-policy.ts';
import { INJECTION_MODES, type InjectionMode, type InjectionModes } from '../api/injection-mode.ts';
import {
  ADDRESS_RANGES_CONFIG_MAP,
  ALLOCATION_METADATA_POLICY,
  CLAIM_ROLLOUT_POLICY,
  HANDOVER_POLICY,
  NAMESPACE_POOLS_POLICY,
  NETWORK_POOLS_POLICY,
  OPERATOR_PODS_POLICY,
  OPT_IN_POLICY,
  POOL_USE_POLICY,
  SCHEDULING_GATES_POLICY,
  SYSTEM_NAMESPACE,
  WEBHOOK_CA_POLICY,
  WEBHOOK_SERVICE,
  WORKLOAD_POOLS_POLICY,
} from '../api/names.ts';
import { namespacePoolsPolicy } from '../api/namespace-pools-policy.ts';
import { networkPoolsPolicy } from '../api/network-pools-policy.ts';
import { operatorPodsPolicy } from '../api/operator-pods-policy.ts';
import { optInPolicy } from '../api/opt-in-policy.ts';
import { policyBinding } from '../api/policy-binding.ts';
import { poolUsePolicy } from '../api/pool-use-policy.ts';
import { type PeopleRole, peopleRoles, POOL_READER } from '../api/roles.ts';
import { webhookCaPolicy } from '../api/webhook-ca-policy.ts';
import { workloadPoolsPolicy } from '../api/workload-pools-policy.ts';
import {
  exportRules,
  operatorClusterRules,
  operatorNamespaceRules,
  operatorNodeLeaseRules,
  schedulingGateRules,
  testNamespaceRules,
  uninstallClusterRules,
  uninstallNamespaceRules,
} from '../operator/rbac.ts';
import { schedulingGatesPolicy } from '../webhook/configuration/scheduling-gates-policy.ts';
import {
  strayAddressesBindings,
  strayAddressesPolicy,
  unpooledAddressesPolicy,
} from '../webhook/configuration/stray-addresses-policy.ts';
import {
  machineEntries,
  mutatingConfiguration,
  podEntries,
  validatingConfiguration,
} from '../webhook/configuration/webhook-configuration.ts';
import { webhookClusterRules, webhookNamespaceRules } from '../webhook/rbac.ts';
import { chartSchema } from './chart-values.ts';
import { type GeneratedFile, yamlFile } from './generated-file.ts';
import { grafanaDashboard } from './grafana-dashboard.ts';
import { chartPage } from './pages.ts';

type Manifest = Record<string, unknown>;

function nameOf({ metadata }: Manifest): string {
  return z.object({ name: z.string() }).parse(metadata).name;
}

/** The port of the webhook's Service in an installation with default values; a template replaces it. */
const WEBHOOK_PORT = 10_250;

const ADDRESS = { namespace: SYSTEM_NAMESPACE, service: WEBHOOK_SERVICE, port: WEBHOOK_PORT };

const ADDRESS_RANGES = { namespace: SYSTEM_NAMESPACE, name: ADDRESS_RANGES_CONFIG_MAP };

const RBAC = 'rbac.authorization.k8s.io/v1';

/**
 * Returns the files of the chart that come from code. They describe an installation with default values. The templates
 * replace the namespace and the port, and add the labels of the release.
 */
export function chartFiles(): readonly GeneratedFile[] {
  const [macAllocation, macPool] = customResourceDefinitions();
  const folder = 'charts/rock-mac/files';
  return [
    yamlFile(`${folder}/crds/macallocations.yaml`, macAllocation),
    yamlFile(`${folder}/crds/macpools.yaml`, macPool),
    ...admissionManifests().map((manifest) =>
      yamlFile(`${folder}/admission/${nameOf(manifest)}-${String(manifest['kind']).toLowerCase()}.yaml`, manifest),
    ),
    ...(['pods', 'machines'] as const).flatMap((kinds) =>
      INJECTION_MODES.map((mode) => yamlFile(`${folder}/modes/${kinds}-${mode}.yaml`, modeManifests(kinds, mode))),
    ),
    yamlFile(`${folder}/roles.yaml`, { items: roleManifests() }),
    yamlFile(`${folder}/operator-rules.yaml`, {
      clusterRules: operatorClusterRules,
      namespaceRules: operatorNamespaceRules,
      nodeLeaseRules: operatorNodeLeaseRules,
      exportRules,
    }),
    yamlFile(`${folder}/scheduling-gate-rules.yaml`, { clusterRules: schedulingGateRules }),
    yamlFile(`${folder}/webhook-rules.yaml`, {
      clusterRules: webhookClusterRules,
      namespaceRules: webhookNamespaceRules,
    }),
    yamlFile(`${folder}/uninstall-rules.yaml`, {
      clusterRules: uninstallClusterRules,
      namespaceRules: uninstallNamespaceRules,
    }),
    yamlFile(`${folder}/test-rules.yaml`, { namespaceRules: testNamespaceRules }),
    ...['charts/rock-mac/files/grafana.json', 'deploy/grafana/rock-mac.json'].map((path) => ({
      path,
      text: `${JSON.stringify(grafanaDashboard(), null, 2)}\n`,
    })),
    { path: 'charts/rock-mac/values.schema.json', text: `${JSON.stringify(chartSchema(), null, 2)}\n` },
    { path: 'charts/rock-mac/README.md', text: chartPage() },
  ];
}

/** Returns the namespace for an installation without Helm. Helm creates its namespace itself. */
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

/** Returns the ClusterRoles for people. Only the right to read pools is bound, and to every authenticated user. */
function roleManifests(): readonly Manifest[] {
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

/** Returns what depends on the mode of pods or of machines: entries of the webhook configuration, and whole objects. */
function modeManifests(kinds: 'pods' | 'machines', mode: InjectionMode) {
  const bindings = strayAddressesBindings(kinds, mode, ADDRESS_RANGES);
  if (kinds === 'machines') return { webhooks: machineEntries(ADDRESS, mode), objects: bindings };
  const gates = [schedulingGatesPolicy(SYSTEM_NAMESPACE, mode), policyBinding(SCHEDULING_GATES_POLICY)];
  return { webhooks: podEntries(ADDRESS, mode), objects: [...bindings, ...gates] };
}

/** Returns everything of an installation that the API server needs for admission. */
export function installedAdmission({ pods, virtualMachines }: InjectionModes): readonly Manifest[] {
  const parts = [modeManifests('pods', pods), modeManifests('machines', virtualMachines)];
  const webhooks = parts.flatMap((part) => part.webhooks);
  return [...admissionManifests(webhooks), ...parts.flatMap((part) => part.objects)];
}

function admissionManifests(webhooks: readonly Manifest[] = []): readonly Manifest[] {
  return [
    mutatingConfiguration(ADDRESS, webhooks),
    validatingConfiguration(ADDRESS),
    poolUsePolicy(SYSTEM_NAMESPACE),
    policyBinding(POOL_USE_POLICY),
    allocationMetadataPolicy(SYSTEM_NAMESPACE),
    policyBinding(ALLOCATION_METADATA_POLICY),
    handoverPolicy(SYSTEM_NAMESPACE),
    policyBinding(HANDOVER_POLICY),
    ...(['opted-in', 'others'] as const).flatMap((namespaces) => [
      strayAddressesPolicy(SYSTEM_NAMESPACE, namespaces),
      unpooledAddressesPolicy(SYSTEM_NAMESPACE, namespaces),
    ]),
    operatorPodsPolicy(SYSTEM_NAMESPACE),
    policyBinding(OPERATOR_PODS_POLICY),
    webhookCaPolicy(SYSTEM_NAMESPACE),
    policyBinding(WEBHOOK_CA_POLICY),
    namespacePoolsPolicy(),
    policyBinding(NAMESPACE_POOLS_POLICY),
    networkPoolsPolicy(),
    policyBinding(NETWORK_POOLS_POLICY),
    workloadPoolsPolicy(),
    policyBinding(WORKLOAD_POOLS_POLICY),
    claimRolloutPolicy(),
    policyBinding(CLAIM_ROLLOUT_POLICY, { action: 'Warn' }),
    optInPolicy(),
    policyBinding(OPT_IN_POLICY, { action: 'Warn' }),
  ];
}

function partOf(): Record<string, string> {
  return { 'app.kubernetes.io/name': 'rock-mac', 'app.kubernetes.io/part-of': 'rock-mac' };
}
