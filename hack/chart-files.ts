import { z } from 'zod';
import { allocationMetadataPolicy } from '../api/allocation-metadata-policy.ts';
import { claimRolloutPolicy } from '../api/claim-rollout-policy.ts';
import { customResourceDefinitions } from '../api/crds.ts';
import { handoverPolicy } from '../api/handover-policy.ts';
import {
  ADDRESS_RANGES_CONFIG_MAP,
  ALLOCATION_METADATA_POLICY,
  CLAIM_ROLLOUT_POLICY,
  HANDOVER_POLICY,
  NAMESPACE_POOLS_POLICY,
  OPERATOR_PODS_POLICY,
  OPT_IN_POLICY,
  POOL_USE_POLICY,
  SCHEDULING_GATES_POLICY,
  STRAY_ADDRESSES_POLICIES,
  SYSTEM_NAMESPACE,
  UNPOOLED_ADDRESSES_POLICIES,
  WEBHOOK_CA_POLICY,
  WEBHOOK_SERVICE,
} from '../api/names.ts';
import { namespacePoolsPolicy } from '../api/namespace-pools-policy.ts';
import { operatorPodsPolicy } from '../api/operator-pods-policy.ts';
import { optInPolicy } from '../api/opt-in-policy.ts';
import { policyBinding } from '../api/policy-binding.ts';
import { poolUsePolicy } from '../api/pool-use-policy.ts';
import { type PeopleRole, peopleRoles, POOL_READER } from '../api/roles.ts';
import { webhookCaPolicy } from '../api/webhook-ca-policy.ts';
import {
  operatorClusterRules,
  operatorNamespaceRules,
  operatorNodeLeaseRules,
  schedulingGateRules,
  uninstallClusterRules,
  uninstallNamespaceRules,
} from '../operator/rbac.ts';
import { schedulingGatesPolicy } from '../webhook/configuration/scheduling-gates-policy.ts';
import { strayAddressesPolicy, unpooledAddressesPolicy } from '../webhook/configuration/stray-addresses-policy.ts';
import { mutatingConfiguration, validatingConfiguration } from '../webhook/configuration/webhook-configuration.ts';
import { webhookClusterRules, webhookNamespaceRules } from '../webhook/rbac.ts';
import { chartSchema } from './chart-values.ts';
import { type GeneratedFile, yamlFile } from './generated-file.ts';
import { chartPage } from './pages.ts';

type Manifest = Record<string, unknown>;

function nameOf({ metadata }: Manifest): string {
  return z.object({ name: z.string() }).parse(metadata).name;
}

/** The port of the webhook's Service in an installation with default values; a template replaces it. */
const WEBHOOK_PORT = 10_250;

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
    yamlFile(`${folder}/roles.yaml`, { items: roleManifests() }),
    yamlFile(`${folder}/operator-rules.yaml`, {
      clusterRules: operatorClusterRules,
      namespaceRules: operatorNamespaceRules,
      nodeLeaseRules: operatorNodeLeaseRules,
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

function admissionManifests(): readonly Manifest[] {
  const address = { namespace: SYSTEM_NAMESPACE, service: WEBHOOK_SERVICE, port: WEBHOOK_PORT };
  return [
    mutatingConfiguration(address),
    validatingConfiguration(address),
    poolUsePolicy(SYSTEM_NAMESPACE),
    policyBinding(POOL_USE_POLICY),
    allocationMetadataPolicy(SYSTEM_NAMESPACE),
    policyBinding(ALLOCATION_METADATA_POLICY),
    handoverPolicy(SYSTEM_NAMESPACE),
    policyBinding(HANDOVER_POLICY),
    ...(['opted-in', 'others'] as const).flatMap((namespaces) => [
      strayAddressesPolicy(SYSTEM_NAMESPACE, namespaces),
      policyBinding(STRAY_ADDRESSES_POLICIES[namespaces], { params: ADDRESS_RANGES }),
      unpooledAddressesPolicy(SYSTEM_NAMESPACE, namespaces),
      policyBinding(UNPOOLED_ADDRESSES_POLICIES[namespaces], { action: 'Warn', params: ADDRESS_RANGES }),
    ]),
    schedulingGatesPolicy(SYSTEM_NAMESPACE),
    policyBinding(SCHEDULING_GATES_POLICY),
    operatorPodsPolicy(SYSTEM_NAMESPACE),
    policyBinding(OPERATOR_PODS_POLICY),
    webhookCaPolicy(SYSTEM_NAMESPACE),
    policyBinding(WEBHOOK_CA_POLICY),
    namespacePoolsPolicy(),
    policyBinding(NAMESPACE_POOLS_POLICY),
    claimRolloutPolicy(),
    policyBinding(CLAIM_ROLLOUT_POLICY, { action: 'Warn' }),
    optInPolicy(),
    policyBinding(OPT_IN_POLICY, { action: 'Warn' }),
  ];
}

function partOf(): Record<string, string> {
  return { 'app.kubernetes.io/name': 'rock-mac', 'app.kubernetes.io/part-of': 'rock-mac' };
}
