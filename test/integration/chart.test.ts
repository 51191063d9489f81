import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { INJECTION_MODES } from '../../api/injection-mode.ts';
import { STRAY_ADDRESSES_POLICIES, UNPOOLED_ADDRESSES_POLICIES } from '../../api/names.ts';
import { installedAdmission } from '../../hack/chart-files.ts';
import { WHOLE_VALUES } from '../../hack/chart-readme.ts';
import { chartValues } from '../../hack/chart-values.ts';
import { resolveHelm } from '../env/programs/helm.ts';
import { logToStderr } from '../env/run/run.ts';
import { freshNamespace, sharedKubectl } from '../env/testing.ts';

const repository = path.join(import.meta.dirname, '..', '..');
const chart = path.join(repository, 'charts', 'rock-mac');
const run = promisify(execFile);
const STRAY_POLICIES: readonly string[] = [STRAY_ADDRESSES_POLICIES, UNPOOLED_ADDRESSES_POLICIES].flatMap((each) =>
  Object.values(each),
);
let helm = '';
beforeAll(async () => {
  helm = await resolveHelm(4, logToStderr);
}, 900_000);

async function template(values: readonly string[] = [], namespace = 'rock-mac-system'): Promise<string> {
  const set = values.flatMap((value) => (value.startsWith('--') ? value.split(' ') : ['--set', value]));
  const args = ['template', 'try', chart, '--namespace', namespace, '--kube-version', '1.37.0', ...set];
  return (await run(helm, args, { maxBuffer: 16e6 })).stdout;
}

const rendered = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), annotations: z.record(z.string(), z.string()).optional() }),
});

/** Sorts the keys of an object, at every depth. */
function sorted<T>(value: T): T {
  const reviver = (_: string, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([one], [other]) => (one < other ? -1 : 1)))
      : each;
  return JSON.parse(JSON.stringify(value), reviver) as T;
}

async function objects(...values: string[]) {
  return parseAllDocuments(await template(values))
    .map((document) => document.toJS() as unknown)
    .filter((value) => value !== null)
    .map((value) => rendered.parse(value));
}

const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()).optional(),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() }).loose()).optional(),
});
const podTemplate = z.looseObject({
  metadata: z.looseObject({
    labels: z.record(z.string(), z.string()),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.looseObject({ initContainers: z.array(container).optional(), containers: z.tuple([container]) }),
});

/** Returns the pod template of a Deployment of the chart. */
async function pods(name: 'rock-mac-operator' | 'rock-mac-webhook', ...values: string[]) {
  const all = await objects(...values);
  const found = all.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name);
  return z.looseObject({ template: podTemplate }).parse(found?.['spec']).template;
}

async function environment(name: 'rock-mac-operator' | 'rock-mac-webhook', ...values: string[]) {
  const { spec } = await pods(name, ...values);
  return Object.fromEntries(spec.containers[0].env.map(({ name: variable, ...rest }) => [variable, rest]));
}

const PROMETHEUS = ['monitoring.serviceMonitor.enabled=true', 'monitoring.rules.enabled=true'];
const PROMETHEUS_KINDS =
  '--api-versions monitoring.coreos.com/v1/ServiceMonitor --api-versions monitoring.coreos.com/v1/PrometheusRule';
const EXPORTS = [
  ...[
    'operator.exports[0].configMap=dhcp',
    'operator.exports[0].format=dnsmasq',
    'operator.exports[0].pools={development}',
  ],
  ...['operator.exports[1].configMap=names', 'operator.exports[1].format=hosts'],
];
const A_POOL = ['pools[0].name=lab', 'pools[0].first=a4:58:0f:10:00:00', 'pools[0].last=a4:58:0f:10:00:ff'];

describe('the chart', () => {
  test('passes helm lint', async () => {
    await expect(run(helm, ['lint', '--strict', chart, '--namespace', 'rock-mac-system'])).resolves.toBeDefined();
  });

  test.each([
    ['its defaults', []],
    ['one replica of each', ['operator.replicas=1', 'webhook.replicas=1']],
    [
      'another image and a pull secret',
      [
        'image.registry=registry.example.com',
        `image.digest=sha256:${'a'.repeat(64)}`,
        'imagePullSecrets[0].name=pull',
        'image.pullPolicy=Always',
      ],
    ],
    ['another Secret for the ledger', ['postgres.external.existingSecret=app', 'postgres.external.urlKey=uri']],
    [
      'the ledger in parts, with a CA',
      ['postgres.external.host=db.example.com', 'postgres.external.ca.existingSecret=ca'],
    ],
    ['the bundled Postgres', ['postgres.mode=bundled', 'postgres.bundled.storageClassName=fast']],
    ['another port and pool', ['webhook.port=9443', 'webhook.pool=development', 'webhook.primaryCni=calico']],
    [
      'a primary CNI and a Multus elsewhere',
      ['webhook.primaryCni=cilium', 'webhook.multusNamespace=openshift-multus', 'webhook.exemptNamespaces={ledger}'],
    ],
    [
      'all pods and machines',
      ['webhook.pods.mode=opt-out', 'webhook.virtualMachines.mode=opt-out', 'webhook.primaryCni=kube-ovn'],
    ],
    ['no policy for stray addresses', ['policy.strayAddresses=off']],
    ['pods that are refused without a ledger', ['webhook.whenLedgerAway=refuse']],
    ['no stock', ['webhook.stock.cover=0s']],
    ['a warning for stray addresses', ['policy.strayAddresses=warn', 'policy.exemptUsers={a"b}']],
    [
      'a CA of the API server',
      ['webhook.clientCA.existingConfigMap=callers', 'webhook.clientCA.allowedNames={kube-apiserver,backup}'],
    ],
    ['a CA of the API server in a Secret', ['webhook.clientCA.existingSecret=callers', 'webhook.clientCA.key=tls.ca']],
    ['CRDs that come from elsewhere', ['crds.enabled=false']],
    ['no read API', ['readApi.enabled=false']],
    ['CRDs that go with it', ['crds.keep=false']],
    ['a quiet log and prefixes of any length', ['logLevel=warn', 'prefixes={a6:58:0f,8c:1f:64:12:3,AA}']],
    ['pools of its own', A_POOL],
    ['network policies', ['networkPolicy.enabled=true', 'networkPolicy.apiServerPorts={6443}']],
    [
      'network policies for known addresses',
      [
        'networkPolicy.enabled=true',
        'networkPolicy.apiServerCIDRs={10.0.0.0/28,fd00::/64}',
        'networkPolicy.nodeCIDRs={10.0.0.0/16}',
      ],
    ],
    [
      'all settings for the scheduler',
      [
        'priorityClassName=system-cluster-critical',
        'operator.nodeSelector.kind=infra',
        'operator.tolerations[0].operator=Exists',
        '--set-json webhook.affinity={"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"infra","operator":"Exists"}]}]}}}',
        '--set-json webhook.topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]',
      ],
    ],
    [
      'labels, annotations, variables and volumes',
      [
        'commonLabels.team=net',
        'operator.podLabels.tier=a',
        'operator.podAnnotations.note=b',
        'operator.extraEnv[0].name=HTTPS_PROXY',
        'operator.extraEnv[0].value=http://proxy:3128',
        'webhook.nodeArgs={--max-old-space-size=384}',
        'webhook.extraVolumes[0].name=extra',
        '--set-json webhook.extraVolumes[0].emptyDir={}',
        'webhook.extraVolumeMounts[0].name=extra',
        'webhook.extraVolumeMounts[0].mountPath=/extra',
      ],
    ],
    ['the webhook on the network of its nodes', ['webhook.hostNetwork=true', 'webhook.port=9443']],
    [
      'more objects',
      [
        '--set-json extraObjects[0]={"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"more-{{.Release.Name}}"}}',
      ],
    ],
    [
      'a dashboard with all its settings',
      [
        'dashboard.enabled=true',
        'dashboard.replicas=2',
        'dashboard.podLabels.tier=a',
        'dashboard.podAnnotations.note=b',
        'dashboard.serviceAccountAnnotations.note=c',
        'dashboard.nodeSelector.kind=infra',
        'dashboard.tolerations[0].operator=Exists',
        'dashboard.extraEnv[0].name=HTTPS_PROXY',
        'dashboard.extraEnv[0].value=http://proxy:3128',
        'dashboard.nodeArgs={--max-old-space-size=128}',
        'dashboard.extraVolumes[0].name=extra',
        '--set-json dashboard.extraVolumes[0].emptyDir={}',
        'dashboard.extraVolumeMounts[0].name=extra',
        'dashboard.extraVolumeMounts[0].mountPath=/extra',
      ],
    ],
    ['no hook and no disruption budgets', ['uninstall.hook=false', 'podDisruptionBudget.enabled=false']],
    ['monitoring where no Prometheus operator is', PROMETHEUS],
  ])('with %s is accepted by the API server', async (_, values) => {
    const namespace = await freshNamespace();
    // A pod needs its ServiceAccount, which a dry run does not store. chart-install.test.ts runs the test of the chart.
    const manifest = await template([...values, '--skip-tests'], namespace.name);
    const args = ['apply', '--server-side', '--dry-run=server', '--force-conflicts', '-o', 'name', '-f', '-'];
    const taken = await sharedKubectl()(args, { input: manifest });
    expect(taken).toContain('deployment.apps/rock-mac-webhook');
    await namespace.remove();
  });

  test.each([
    ['a key that does not exist', ['webhok.replicas=3'], /webhok/],
    ['a key that does not exist, deep inside', ['postgres.external.hots=db'], /hots/],
    ['no replica', ['webhook.replicas=0'], /webhook.*replicas|minimum/s],
    ['a prefix that is none', ['prefixes={zz}'], /prefixes/],
    ['a CNI that it does not know', ['webhook.primaryCni=flannel'], /primaryCni/],
    ['a network without a namespace', ['webhook.primaryNetwork=default'], /primaryNetwork/],
    ['a mode that does not exist', ['webhook.pods.mode=all'], /mode/],
    ['a log level that does not exist', ['logLevel=loud'], /logLevel/],
    ['a mode of Postgres that does not exist', ['postgres.mode=magic'], /mode/],
    ['a pool without an end', ['pools[0].name=lab', 'pools[0].first=a4:58:0f:10:00:00'], /last/],
    ['a pool of an unknown strategy', [...A_POOL, 'pools[0].strategy=none'], /strategy/],
    ['two pools of one name', [...A_POOL, ...A_POOL.map((value) => value.replace('[0]', '[1]'))], /contains lab twice/],
    ['an export in an unknown format', [EXPORTS[0] ?? '', 'operator.exports[0].format=xml'], /format/],
    [
      'two exports in one ConfigMap',
      [...EXPORTS, 'operator.exports[1].configMap=dhcp'],
      /contains the ConfigMap dhcp twice/,
    ],
    [
      'an export into its own ConfigMap',
      [...EXPORTS, 'operator.exports[0].configMap=rock-mac-pools'],
      /begin with rock-mac-/,
    ],
    [
      'a bundled Postgres with a host',
      ['postgres.mode=bundled', 'postgres.external.host=db'],
      /names another Postgres/,
    ],
    ['an external one without a Secret', ['postgres.external.existingSecret='], /existingSecret must name/],
    [
      'a TLS mode beside a URL',
      ['postgres.external.sslMode=disable'],
      /has an effect only with postgres.external.host/,
    ],
    [
      'parts without a user',
      ['postgres.external.host=db', 'postgres.external.user='],
      /set postgres.external.user or postgres.external.userKey/,
    ],
    [
      'two CAs of the API server',
      ['webhook.clientCA.existingConfigMap=a', 'webhook.clientCA.existingSecret=b'],
      /names a ConfigMap and a Secret/,
    ],
    ['names of callers without a CA', ['webhook.clientCA.allowedNames={a}'], /allowedNames has an effect only/],
    ['a name of a caller with a comma', ['--set-json webhook.clientCA.allowedNames=["a,b"]'], /allowedNames/],
    ["the kubelet's port on the network of the nodes", ['webhook.hostNetwork=true'], /10250 of every node/],
    ['a cover of more than a day', ['webhook.stock.cover=25h'], /webhook.stock.cover is 25h/],
    ['a cover without a unit', ['webhook.stock.cover=3600'], /cover/],
    ['an object without a kind', ['extraObjects[0].apiVersion=v1'], /kind/],
    ['rules that nobody would read', [...PROMETHEUS, 'monitoring.renderMode=failIfMissing'], /has no ServiceMonitor/],
  ])('rejects %s, and names it', async (_, values, message) => {
    await expect(template(values)).rejects.toThrow(message);
  });

  test.each(['default', 'kube-system'])(
    'cannot be installed into %s, whose pods the webhook would ignore',
    async (namespace) => {
      await expect(template([], namespace)).rejects.toThrow('a namespace of its own');
    },
  );

  test('never renders a CA bundle, which each upgrade would restore', async () => {
    expect(await template()).not.toMatch(/caBundle['"]?:/);
  });

  test('takes all its images from the registry that a parent chart names', async () => {
    const registry = ['global.imageRegistry=mirror.example.com/a', 'image.registry=registry.example.com'];
    const text = await template([...registry, 'postgres.mode=bundled', 'dashboard.enabled=true']);
    const images = [...text.matchAll(/^ *image: (.*)$/gm)].map(([, image]) => image?.split(':')[0]);
    expect(new Set(images)).toEqual(new Set(['mirror.example.com/a/rock-mac', 'mirror.example.com/a/postgres']));
  });

  test('uses the pull secrets of a parent chart and its own in every pod', async () => {
    const secrets = ['global.imagePullSecrets[0].name=theirs', 'imagePullSecrets[0].name=ours', 'global.theirKey=1'];
    const text = await template([...secrets, 'postgres.mode=bundled', 'dashboard.enabled=true']);
    const lists = [...text.matchAll(/imagePullSecrets:\n *- name: (.*)\n *- name: (.*)$/gm)];
    expect(lists.map(([, one, two]) => [one, two])).toEqual(Array.from({ length: 6 }, () => ['ours', 'theirs']));
  });

  test('uses the namespace and the port of the release everywhere', async () => {
    const text = await template(['webhook.port=9443', 'readApi.port=9444'], 'elsewhere');
    expect(text).not.toContain('rock-mac-system');
    expect(text).not.toContain('10250');
  });

  test('gives the webhook, and only it, the CA and the names of its callers', async () => {
    const values = [
      'webhook.clientCA.existingConfigMap=callers',
      'webhook.clientCA.allowedNames={kube-apiserver,backup}',
    ];
    expect(await environment('rock-mac-webhook', ...values)).toMatchObject({
      ROCK_MAC_WEBHOOK_CLIENT_CA_FILE: { value: '/etc/rock-mac/client-ca/ca.crt' },
      ROCK_MAC_WEBHOOK_CLIENT_NAMES: { value: 'kube-apiserver,backup' },
    });
    expect(await environment('rock-mac-operator', ...values)).not.toHaveProperty('ROCK_MAC_WEBHOOK_CLIENT_CA_FILE');
    expect(await environment('rock-mac-webhook')).not.toHaveProperty('ROCK_MAC_WEBHOOK_CLIENT_CA_FILE');
  });

  test.each([
    [[], ['inject-pods', 'inject-machines']],
    [['webhook.pods.mode=opt-out'], ['inject-pods', 'inject-machines']],
    [
      ['webhook.pods.mode=opt-out', 'webhook.primaryCni=calico'],
      ['inject-pods', 'inject-own-interfaces', 'inject-machines'],
    ],
  ])(
    'lists the exempt namespaces in all webhook entries for workloads, and in no other: %j',
    async (values, entries) => {
      const all = await objects('webhook.exemptNamespaces={ledger,calico-system}', ...values);
      const selecting = z.array(
        z.object({
          name: z.string(),
          namespaceSelector: z
            .object({ matchExpressions: z.array(z.object({ key: z.string(), values: z.array(z.string()) })) })
            .optional(),
        }),
      );
      const configuration = all.find(({ kind }) => kind === 'MutatingWebhookConfiguration');
      const exempt = selecting.parse(configuration?.['webhooks']).map(({ name, namespaceSelector }) => {
        const byName = namespaceSelector?.matchExpressions.find(({ key }) => key === 'kubernetes.io/metadata.name');
        return [name, byName?.values];
      });
      const never = ['kube-system', 'rock-mac-system', 'ledger', 'calico-system'];
      expect(exempt).toEqual([
        ...entries.map((name) => [`${name}.mac.rock-os.io`, never]),
        ['inject-objects.mac.rock-os.io', never],
        ['stamp-requester.mac.rock-os.io', undefined],
      ]);
    },
  );

  test.each(INJECTION_MODES.flatMap((pods) => INJECTION_MODES.map((virtualMachines) => ({ pods, virtualMachines }))))(
    'installs what the modes ask for: %j',
    async ({ pods, virtualMachines }) => {
      const modes = [`webhook.pods.mode=${pods}`, `webhook.virtualMachines.mode=${virtualMachines}`];
      const all = await objects('webhook.primaryCni=calico', ...modes);
      const isOfAdmission = ({ kind }: { readonly kind?: unknown }) =>
        /Webhook|Policy/.test(String(kind)) && kind !== 'NetworkPolicy';
      const specOf = ({ kind, metadata, spec, webhooks }: Record<string, unknown>) =>
        JSON.stringify([kind, z.object({ name: z.string() }).parse(metadata).name, spec, webhooks]);
      const expected = installedAdmission({ pods, virtualMachines });
      expect(all.filter(isOfAdmission).map(sorted).map(specOf).sort()).toEqual(expected.map(sorted).map(specOf).sort());
      expect(await environment('rock-mac-operator', ...modes)).toMatchObject({
        ROCK_MAC_PODS_MODE: { value: pods },
        ROCK_MAC_VIRTUAL_MACHINES_MODE: { value: virtualMachines },
      });
    },
  );

  test.each([
    ['policy.strayAddresses=deny', ['Deny', 'Warn']],
    ['policy.strayAddresses=warn', ['Warn', 'Warn']],
    ['policy.strayAddresses=off', []],
  ])('with %s, the policies for stray addresses do %j', async (value, actions) => {
    const all = await objects(value);
    const bindings = z.array(
      z.object({ spec: z.object({ policyName: z.string(), validationActions: z.array(z.string()) }) }),
    );
    const found = bindings
      .parse(all.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding'))
      .filter(({ spec }) => STRAY_POLICIES.includes(spec.policyName));
    // For pods and for machines, in the namespaces that opted in and in all others.
    expect(found.flatMap(({ spec }) => spec.validationActions).sort()).toEqual(
      actions.flatMap((each) => [each, each, each, each]),
    );
    const policies = all.filter(
      ({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && STRAY_POLICIES.includes(metadata.name),
    );
    expect(policies).toHaveLength(2 * actions.length);
  });

  test.each([
    ['gate', 6],
    ['refuse', 0],
  ])(
    'with webhook.whenLedgerAway=%s, the operator may patch pods, limited by policies: %i objects',
    async (value, count) => {
      const all = await objects(`webhook.whenLedgerAway=${value}`, 'webhook.exemptNamespaces={ledger}');
      const names = ['rock-mac-scheduling-gates', 'rock-mac-operator-pods'];
      const named = all.filter(({ metadata }) => names.includes(metadata.name));
      expect(named).toHaveLength(count);
      if (count > 0)
        expect(JSON.stringify(named)).toContain(String.raw`[\"kube-system\",\"rock-mac-system\",\"ledger\"]`);
      expect(await environment('rock-mac-webhook', `webhook.whenLedgerAway=${value}`)).toMatchObject({
        ROCK_MAC_WHEN_LEDGER_AWAY: { value },
      });
      const roles = all.filter(({ kind }) => kind === 'ClusterRole');
      const mayPatchPods = roles.filter((role) =>
        /"resources":\["pods"\],"verbs":\["patch"\]/.test(JSON.stringify(role)),
      );
      expect(mayPatchPods.map(({ metadata }) => metadata.name)).toEqual(count > 0 ? ['rock-mac-scheduling-gates'] : []);
    },
  );

  test.each([
    ['1h', '3600'],
    ['1h30m', '5400'],
    ['1d', '86400'],
    ['08m', '480'],
    ['0s', '0'],
  ])('passes webhook.stock.cover=%s as %s seconds, with the name and the uid of the pod', async (cover, value) => {
    expect(await environment('rock-mac-webhook', `webhook.stock.cover=${cover}`)).toMatchObject({
      ROCK_MAC_STOCK_COVER_SECONDS: { value },
      ROCK_MAC_POD_NAME: { valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      ROCK_MAC_POD_UID: { valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } },
    });
  });

  test('names to the policies for stray addresses which users and namespaces are exempt', async () => {
    const all = await objects('webhook.exemptNamespaces={ledger}', 'policy.exemptUsers={one,two}');
    const named = z.array(z.object({ name: z.string(), expression: z.string() }));
    const policy = z.object({ spec: z.object({ matchConditions: named, variables: named }) });
    const isExempt = '!(request.namespace in ["kube-system","rock-mac-system","ledger"])';
    for (const name of STRAY_POLICIES) {
      const found = all.find(({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && metadata.name === name);
      const { matchConditions, variables } = policy.parse(found).spec;
      expect(matchConditions[0]).toEqual({
        name: 'not-an-exempt-user',
        expression: '!(request.userInfo.username in ["one","two"])',
      });
      expect(matchConditions[1]?.expression).toContain(isExempt);
      expect(variables.find((each) => each.name === 'isSeen')?.expression).toContain(isExempt);
    }
  });

  test('tests the namespace of the values, with a pod that exists only for the test', async () => {
    const all = (await objects('test.namespace=apps')).filter(({ metadata }) => metadata.name === 'rock-mac-test');
    const place = ({ kind, metadata }: (typeof all)[number]) => `${kind} in ${String(metadata['namespace'])}`;
    expect(all.map(place)).toEqual([
      'ServiceAccount in rock-mac-system',
      'Role in apps',
      'RoleBinding in apps',
      'Pod in rock-mac-system',
    ]);
    for (const { metadata } of all) expect(metadata.annotations).toMatchObject({ 'helm.sh/hook': 'test' });
    expect(JSON.stringify(all.at(-1)?.['spec'])).toContain('"doctor","--admission","--namespace","apps"');
  });

  test('keeps its CRDs when it is uninstalled, and has no disruption budget for a single replica', async () => {
    const all = await objects('webhook.replicas=1');
    const crds = all.filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(crds.map(({ metadata }) => metadata.annotations)).toEqual([
      { 'helm.sh/resource-policy': 'keep' },
      { 'helm.sh/resource-policy': 'keep' },
    ]);
    const budgets = all.filter(({ kind }) => kind === 'PodDisruptionBudget').map(({ metadata }) => metadata.name);
    expect(budgets).toEqual(['rock-mac-operator']);
  });

  test('meets the restricted profile of Pod Security with every pod', async () => {
    const namespace = await freshNamespace({ labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } });
    const everything = [...parseAllDocuments(await template(['postgres.mode=bundled'], namespace.name))];
    const templates = everything
      .map((document) => z.looseObject({ spec: z.looseObject({ template: z.unknown() }) }).safeParse(document.toJS()))
      .flatMap(({ data }) => (data === undefined ? [] : [data.spec.template]));
    expect(templates).toHaveLength(4);
    for (const pod of templates) {
      const { metadata, spec } = z.looseObject({ metadata: z.looseObject({}), spec: z.looseObject({}) }).parse(pod);
      const input = JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...metadata, name: 'try', namespace: namespace.name },
        spec: { ...spec, serviceAccountName: 'default', volumes: [], ...withoutMounts(spec) },
      });
      await sharedKubectl()(['create', '--dry-run=server', '-f', '-'], { input });
    }
    await namespace.remove();
  });

  test('allows in its network policies the ports of the programs, and DNS, the API server and the ledger', async () => {
    const all = await objects('networkPolicy.enabled=true', 'postgres.external.port=6432', 'webhook.port=9443');
    const port = z.object({ port: z.number() });
    const policy = z.object({
      ingress: z.array(z.object({ ports: z.array(port), from: z.undefined().optional() })),
      egress: z.tuple([z.object({ ports: z.array(port) })]),
    });
    for (const name of ['rock-mac-operator', 'rock-mac-webhook'] as const) {
      const found = all.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === name);
      const { ingress, egress } = policy.parse(found?.['spec']);
      const { spec } = await pods(name, 'webhook.port=9443');
      const listening = z.array(z.object({ containerPort: z.number() })).parse(spec.containers[0]['ports']);
      expect(ingress.flatMap(({ ports }) => ports.map((each) => each.port)).sort()).toEqual(
        listening.map(({ containerPort }) => containerPort).sort(),
      );
      expect(egress[0].ports.map((each) => each.port)).toEqual([53, 53, 443, 6443, 6432]);
    }
  });

  test('lets only the API server and the nodes in, where their addresses are known', async () => {
    const all = await objects(
      'networkPolicy.enabled=true',
      'networkPolicy.apiServerCIDRs={10.0.0.0/28,fd00::/64}',
      'networkPolicy.nodeCIDRs={10.0.0.0/16}',
    );
    const apiServer = [{ ipBlock: { cidr: '10.0.0.0/28' } }, { ipBlock: { cidr: 'fd00::/64' } }];
    const port = 10_250;
    for (const name of ['rock-mac-operator', 'rock-mac-webhook'] as const) {
      const found = all.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === name);
      expect(found?.['spec']).toMatchObject({
        ingress: [
          { ports: [{ port, protocol: 'TCP' }], from: apiServer },
          { ports: [{ port: 8081, protocol: 'TCP' }], from: [{ ipBlock: { cidr: '10.0.0.0/16' } }] },
          { ports: [{ port: 8443, protocol: 'TCP' }] },
        ],
      });
    }
  });
});

function withoutMounts(spec: Record<string, unknown>): Record<string, unknown> {
  const strip = (list: unknown) =>
    z
      .array(z.looseObject({}))
      .parse(list ?? [])
      .map((each) => ({ ...each, volumeMounts: [] }));
  return { containers: strip(spec['containers']), initContainers: strip(spec['initContainers']) };
}

describe('a value of the chart', () => {
  test('is in both values.yaml and the schema', async () => {
    const values: unknown = parse(await readFile(path.join(chart, 'values.yaml'), 'utf8'));
    expect(() => chartValues.parse(values)).not.toThrow();
    expect(keysOf(values)).toEqual(keysOfSchema(z.toJSONSchema(chartValues, { target: 'draft-7' })));
  });

  test('has a description in the README', async () => {
    const readme = await readFile(path.join(chart, 'README.md'), 'utf8');
    expect(readme).toMatch(/^- `image\.tag` \(`""`\): \w/m);
    expect(readme).not.toMatch(/^- .*:\s*$/m);
  });

  test('sets the image by registry, repository and tag, and a digest takes precedence', async () => {
    const digest = `sha256:${'b'.repeat(64)}`;
    const image = async (...values: string[]) => (await pods('rock-mac-webhook', ...values)).spec.containers[0].image;
    expect(await image()).toMatch(/^rock-mac:\d+\.\d+\.\d+$/);
    expect(await image('image.registry=r.example.com', 'image.repository=a/b', 'image.tag=v9')).toBe(
      'r.example.com/a/b:v9',
    );
    expect(await image('image.tag=v9', `image.digest=${digest}`)).toBe(`rock-mac@${digest}`);
  });

  test.each([
    ['of your own', [], { secretName: 'rock-mac-ledger', items: [{ key: 'url', path: 'url' }] }],
    [
      'of the bundled Postgres',
      ['postgres.mode=bundled'],
      { secretName: 'rock-mac-postgres', items: [{ key: 'url', path: 'url' }] },
    ],
  ])('sets the ledger by a URL in a Secret %s, as a file', async (_, values, secret) => {
    const { spec } = await pods('rock-mac-operator', ...values);
    for (const { env, volumeMounts } of [...(spec.initContainers ?? []), ...spec.containers]) {
      expect(env).toContainEqual({ name: 'ROCK_MAC_LEDGER_URL_FILE', value: '/etc/rock-mac/ledger/url' });
      expect(volumeMounts).toContainEqual({ name: 'ledger', mountPath: '/etc/rock-mac/ledger', readOnly: true });
    }
    expect(spec['volumes']).toContainEqual({ name: 'ledger', secret });
  });

  test.each([[[]], [['postgres.mode=bundled']], [['postgres.external.host=db']]])(
    'puts no password into an environment (%j)',
    async (values) => {
      for (const name of ['rock-mac-operator', 'rock-mac-webhook'] as const) {
        const { spec } = await pods(name, ...values);
        for (const { env } of [...(spec.initContainers ?? []), ...spec.containers]) {
          expect(env.filter(({ valueFrom }) => /secretKeyRef/.test(JSON.stringify(valueFrom ?? '')))).toEqual([]);
        }
      }
    },
  );

  test('gives the login of the owner to the init container that migrates, and not to the program', async () => {
    for (const name of ['rock-mac-operator', 'rock-mac-webhook'] as const) {
      const { spec } = await pods(name, 'postgres.external.migrationUrlKey=owner');
      const [migrate] = spec.initContainers ?? [];
      const file = { name: 'ROCK_MAC_MIGRATION_URL_FILE', value: '/etc/rock-mac/ledger-owner/url' };
      const mount = { name: 'ledger-owner', mountPath: '/etc/rock-mac/ledger-owner', readOnly: true };
      expect(migrate?.env).toContainEqual(file);
      expect(migrate?.volumeMounts).toContainEqual(mount);
      for (const { env, volumeMounts } of spec.containers) {
        expect(env).not.toContainEqual(file);
        expect(volumeMounts).not.toContainEqual(mount);
      }
      const secret = { secretName: 'rock-mac-ledger', items: [{ key: 'owner', path: 'url' }], optional: true };
      expect(spec['volumes']).toContainEqual({ name: 'ledger-owner', secret });
    }
  });

  test('sets the ledger in parts, with the password outside of the URL and the CA as a file', async () => {
    const parts = [
      'postgres.external.host=pg-rw.db.svc',
      'postgres.external.existingSecret=pg-app',
      'postgres.external.userKey=username',
      'postgres.external.ca.existingSecret=pg-ca',
    ];
    const { spec } = await pods('rock-mac-operator', ...parts);
    for (const { env, volumeMounts } of [...(spec.initContainers ?? []), ...spec.containers]) {
      expect(env).toEqual(
        expect.arrayContaining([
          { name: 'ROCK_MAC_LEDGER_URL', value: 'postgresql://pg-rw.db.svc:5432/rock_mac?sslmode=verify-full' },
          { name: 'PGUSER', valueFrom: { secretKeyRef: { name: 'pg-app', key: 'username' } } },
          { name: 'ROCK_MAC_LEDGER_PASSWORD_FILE', value: '/etc/rock-mac/ledger/password' },
          { name: 'NODE_EXTRA_CA_CERTS', value: '/etc/rock-mac/ledger-ca/ca.crt' },
        ]),
      );
      expect(volumeMounts).toContainEqual({ name: 'ledger-ca', mountPath: '/etc/rock-mac/ledger-ca', readOnly: true });
    }
  });

  test('passes pools to the operator as a file, and a change of them restarts it', async () => {
    const before = await pods('rock-mac-operator', ...A_POOL);
    const after = await pods('rock-mac-operator', ...A_POOL, 'pools[0].paused=true');
    const checksum = 'mac.rock-os.io/pools-checksum';
    expect(before.metadata.annotations?.[checksum]).not.toBe(after.metadata.annotations?.[checksum]);
    const all = await objects(...A_POOL);
    const map = all.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'rock-mac-pools');
    const { 'pools.json': pools } = z.object({ 'pools.json': z.string() }).parse(map?.['data']);
    expect(JSON.parse(pools)).toEqual([{ name: 'lab', first: 'a4:58:0f:10:00:00', last: 'a4:58:0f:10:00:ff' }]);
  });

  test('passes exports to the operator, which may read and patch their ConfigMaps only', async () => {
    const none = await objects();
    expect(none.filter(({ metadata }) => metadata.name === 'rock-mac-exports')).toEqual([]);
    const all = await objects(...EXPORTS);
    const find = (kind: string) => all.find((each) => each.kind === kind && each.metadata.name === 'rock-mac-exports');
    const { 'exports.json': written } = z.object({ 'exports.json': z.string() }).parse(find('ConfigMap')?.['data']);
    expect(JSON.parse(written)).toEqual([
      { configMap: 'dhcp', format: 'dnsmasq', pools: ['development'] },
      { configMap: 'names', format: 'hosts' },
    ]);
    const rule = {
      apiGroups: [''],
      resources: ['configmaps'],
      resourceNames: ['dhcp', 'names'],
      verbs: ['get', 'patch'],
    };
    expect(find('Role')?.['rules']).toEqual([rule]);
    expect(find('RoleBinding')).toMatchObject({ subjects: [{ kind: 'ServiceAccount', name: 'rock-mac-operator' }] });
    const { spec, metadata } = await pods('rock-mac-operator', ...EXPORTS, ...A_POOL);
    expect(spec.containers[0].env).toContainEqual({
      name: 'ROCK_MAC_EXPORTS_FILE',
      value: '/etc/rock-mac/exports/exports.json',
    });
    expect(spec.containers[0].volumeMounts).toEqual(
      expect.arrayContaining([
        { name: 'exports', mountPath: '/etc/rock-mac/exports', readOnly: true },
        { name: 'pools', mountPath: '/etc/rock-mac/pools', readOnly: true },
      ]),
    );
    expect(Object.keys(metadata.annotations ?? {})).toEqual(
      expect.arrayContaining(['mac.rock-os.io/exports-checksum', 'mac.rock-os.io/pools-checksum']),
    );
  });

  test('migrates before either program starts', async () => {
    for (const name of ['rock-mac-operator', 'rock-mac-webhook'] as const) {
      const { spec } = await pods(name);
      expect(spec.initContainers?.map(({ args }) => args)).toEqual([['rock-mac.js', 'migrate', '--no-backup']]);
    }
  });

  test('gives the migration the same variables and files as the program', async () => {
    const way = [
      ...['webhook.extraEnv[0].name=ROCK_MAC_LEDGER_PASSWORD_FILE', 'webhook.extraEnv[0].value=/vault/password'],
      ...['webhook.extraVolumes[0].name=vault', '--set-json webhook.extraVolumes[0].emptyDir={}'],
      ...['webhook.extraVolumeMounts[0].name=vault', 'webhook.extraVolumeMounts[0].mountPath=/vault'],
    ];
    const { spec } = await pods('rock-mac-webhook', ...way);
    for (const { env, volumeMounts } of [...(spec.initContainers ?? []), ...spec.containers]) {
      expect(env).toContainEqual({ name: 'ROCK_MAC_LEDGER_PASSWORD_FILE', value: '/vault/password' });
      expect(volumeMounts).toContainEqual({ name: 'vault', mountPath: '/vault' });
    }
  });

  test('cannot replace the labels of the chart', async () => {
    const labels = ['commonLabels', 'operator.podLabels'].flatMap((at) => [
      `${at}.app\\.kubernetes\\.io/name=other`,
      `${at}.app\\.kubernetes\\.io/component=other`,
      `${at}.team=net`,
    ]);
    const { metadata } = await pods('rock-mac-operator', ...labels);
    expect(metadata.labels).toMatchObject({
      'app.kubernetes.io/name': 'rock-mac',
      'app.kubernetes.io/component': 'rock-mac-operator',
      team: 'net',
    });
    // A duplicate key is invalid YAML, but not every parser reports it.
    for (const document of parseAllDocuments(await template(labels))) expect(document.errors).toEqual([]);
  });

  test('puts the webhook on the network of its nodes, and then an old pod stops before a new one starts', async () => {
    const values = ['webhook.hostNetwork=true', 'webhook.port=9443'];
    const { spec } = await pods('rock-mac-webhook', ...values);
    expect(spec).toMatchObject({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' });
    const deployment = (await objects(...values)).find(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'rock-mac-webhook',
    );
    expect(deployment?.['spec']).toMatchObject({ strategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } } });
    expect((await pods('rock-mac-operator', ...values)).spec['hostNetwork']).toBeUndefined();
  });

  test('adds more objects, in which templates are rendered', async () => {
    const secret =
      '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"more","namespace":"{{ .Release.Namespace }}"}}';
    const all = await objects(`--set-json extraObjects[0]=${secret.replaceAll(' ', '')}`);
    expect(all.find(({ metadata }) => metadata.name === 'more')?.metadata['namespace']).toBe('rock-mac-system');
  });

  test('adds labels to every object', async () => {
    const all = await objects(
      ...['commonLabels.team=net', 'postgres.mode=bundled', 'networkPolicy.enabled=true'],
      ...[...PROMETHEUS, PROMETHEUS_KINDS, ...A_POOL],
    );
    const without = all.filter(({ metadata }) => !z.object({ team: z.string() }).safeParse(metadata['labels']).success);
    expect(without.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([]);
  });

  test('lets OpenShift choose user IDs', async () => {
    const { spec } = await pods(
      'rock-mac-webhook',
      'podSecurityContext.runAsUser=null',
      'podSecurityContext.runAsGroup=null',
    );
    expect(spec['securityContext']).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  });

  test('puts the arguments of Node before the program', async () => {
    const { spec } = await pods('rock-mac-webhook', 'webhook.nodeArgs={--max-old-space-size=384}');
    expect(spec.containers[0].args).toEqual(['--max-old-space-size=384', 'webhook.js']);
  });

  test('renders monitoring if the cluster has the kinds, with a runbook for every alert', async () => {
    expect((await objects(...PROMETHEUS)).map(({ kind }) => kind)).not.toContain('ServiceMonitor');
    const page = 'https://wiki.example.org/docs/alerts.md';
    const all = await objects(...PROMETHEUS, PROMETHEUS_KINDS, `monitoring.rules.runbookUrl=${page}`);
    const monitor = all.find(({ kind }) => kind === 'ServiceMonitor');
    expect(monitor).toBeDefined();
    const rule = all.find(({ kind }) => kind === 'PrometheusRule');
    const alert = z.object({ alert: z.string(), annotations: z.object({ runbook_url: z.string() }).loose() }).loose();
    const { groups } = z
      .object({ groups: z.tuple([z.object({ rules: z.array(alert).min(5) }).loose()]) })
      .parse(rule?.['spec']);
    for (const each of groups[0].rules) {
      expect(each.annotations.runbook_url).toBe(`${page}#${each.alert.toLowerCase()}`);
    }
    // Without the URL of a page there is no link.
    expect(await template([...PROMETHEUS, PROMETHEUS_KINDS])).not.toContain('runbook_url');
  });

  test('requires an audience of the tokens of scrapers, in both programs, if one is set', async () => {
    const audience = { name: 'ROCK_MAC_METRICS_AUDIENCE', value: 'rock-mac-metrics' };
    for (const name of ['rock-mac-operator', 'rock-mac-webhook'] as const) {
      const { spec } = await pods(name, 'monitoring.audience=rock-mac-metrics');
      expect(spec.containers[0].env).toContainEqual(audience);
    }
    expect(await template()).not.toContain(audience.name);
    const tokenFile = '/etc/rock-mac-metrics/token';
    const monitor = await template([
      ...PROMETHEUS,
      PROMETHEUS_KINDS,
      `monitoring.serviceMonitor.tokenFile=${tokenFile}`,
    ]);
    expect(monitor).toContain(`bearerTokenFile: ${tokenFile}`);
  });

  test('prepares an uninstallation with rights that exist only during it', async () => {
    const all = await objects();
    const uninstall = all.filter(({ metadata }) => metadata.name === 'rock-mac-uninstall');
    expect(uninstall.map(({ kind }) => kind).sort()).toEqual(
      ['ClusterRole', 'ClusterRoleBinding', 'Job', 'Role', 'RoleBinding', 'ServiceAccount'].sort(),
    );
    for (const { metadata } of uninstall) expect(metadata.annotations?.['helm.sh/hook']).toBe('pre-delete');
    expect((await objects('uninstall.hook=false')).filter(({ kind }) => kind === 'Job')).toEqual([]);
  });
});

function keysOf(value: unknown, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [prefix];
  const entries = Object.entries(value);
  if (entries.length === 0 || WHOLE_VALUES.has(prefix.split('.').at(-1) ?? '')) return [prefix];
  return entries.flatMap(([key, inner]) => keysOf(inner, prefix === '' ? key : `${prefix}.${key}`)).sort();
}

function keysOfSchema(schema: unknown, prefix = ''): string[] {
  const { properties } = z.object({ properties: z.record(z.string(), z.unknown()).optional() }).parse(schema);
  if (properties === undefined) return [prefix];
  return Object.entries(properties)
    .flatMap(([key, inner]) => keysOfSchema(inner, prefix === '' ? key : `${prefix}.${key}`))
    .sort();
}
