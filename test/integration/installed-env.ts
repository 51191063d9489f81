import { afterAll, beforeAll } from 'vitest';
import { z } from 'zod';
import { macOf } from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { type AuditEntry, listAudit } from '../../ledger/audit.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation, type InstallationOptions } from '../env/installation.ts';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';
import { startTcpProxy, type TcpProxy } from '../env/network/tcp-proxy.ts';
import { eventually } from '../env/run/eventually.ts';

/** rock-mac on its own control plane and Postgres, for a test file that breaks them. */
export interface InstalledEnv {
  readonly testEnv: TestEnv;
  readonly plane: ControlPlane;
  readonly installation: Installation;
  /** A connection to Postgres without the proxy. */
  readonly ledger: LedgerClient;
  /** The proxy between rock-mac's processes and Postgres. */
  readonly ledgerProxy: TcpProxy;
}

type Options = Partial<
  Pick<InstallationOptions, 'operators' | 'webhooks' | 'env' | 'nodeArgs' | 'login' | 'stock' | 'modes'>
> & {
  /** Prepares the ledger before rock-mac is installed. */
  readonly makeLedger?: (url: string) => Promise<void>;
  /** More flags of the API server. */
  readonly apiServerFlags?: readonly string[];
  /** How many real nodes to start. The default is none. */
  readonly nodes?: number;
  /** The pool whose addresses the objects of the default namespace keep, although only their manifests name them. */
  readonly adopt?: string;
};

/** Installs rock-mac for a test file. Called at the top level of the file. The returned getter works inside tests. */
export function installedEnvOfThisFile(options: Options = {}): () => InstalledEnv {
  let installed: InstalledEnv | undefined;
  beforeAll(async () => {
    installed = await startInstalledEnv(options);
  });
  afterAll(async () => {
    await installed?.ledger.close();
    await installed?.installation.close();
    await installed?.ledgerProxy.close();
    await installed?.testEnv.close();
  });
  return () => {
    if (installed === undefined) throw new Error('the test environment of this file is not running');
    return installed;
  };
}

async function startInstalledEnv({
  makeLedger,
  adopt,
  apiServerFlags = [],
  nodes = 0,
  ...options
}: Options): Promise<InstalledEnv> {
  const testEnv = await startTestEnv({ nodes, postgres: { fsync: false }, controlPlanes: [{ apiServerFlags }] });
  const url = await testEnv.postgres.createDatabase('rock_mac');
  await makeLedger?.(url);
  const direct = new URL(url);
  const ledgerProxy = await startTcpProxy({ host: direct.hostname, port: Number(direct.port) });
  const proxied = new URL(url);
  proxied.port = String(ledgerProxy.port);
  const installation = await install({
    testEnv,
    ledgerUrl: proxied.href,
    ...options,
    // Short, because tests that kill the leader wait for the next one.
    env: { ROCK_MAC_LEADER_LEASE_SECONDS: '3', ...options.env },
  });
  await installation.ready();
  if (adopt !== undefined) {
    await testEnv.controlPlane.kubectl(['annotate', 'namespace', 'default', `${ANNOTATIONS.adopt}=${adopt}`]);
  }
  const ledger = openLedger({
    url,
    applicationName: 'test',
    max: 2,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
  });
  return { testEnv, plane: testEnv.controlPlane, installation, ledger, ledgerProxy };
}

/** Returns a pod as JSON, with the given networks annotation or none, and on a node or none. */
export function aPod(
  name: string,
  options: { networks?: string; annotations?: Record<string, string>; nodeName?: string | undefined } = {},
): string {
  const annotations = {
    'mac.rock-os.io/inject': 'true',
    ...(options.networks !== undefined && { 'k8s.v1.cni.cncf.io/networks': options.networks }),
    ...options.annotations,
  };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, annotations },
    spec: { containers: [{ name: 'main', image: 'example.invalid/none' }], nodeName: options.nodeName },
  });
}

/** Returns a MacAllocation as JSON. */
export function aClaim(name: string, spec: Record<string, unknown>): string {
  return JSON.stringify({ apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacAllocation', metadata: { name }, spec });
}

const addressesAnnotation = z.array(
  z.object({ network: z.string().optional(), interface: z.string().optional(), mac: z.string() }),
);

/** Returns the addresses in the annotation of a stored pod. */
export async function addressesOf(
  { kubectl }: ControlPlane,
  pod: string,
): Promise<z.infer<typeof addressesAnnotation>> {
  const text = await kubectl([
    ...['get', 'pod', pod],
    ...['-o', 'jsonpath={.metadata.annotations.mac\\.rock-os\\.io/addresses}'],
  ]);
  return text === '' ? [] : addressesAnnotation.parse(JSON.parse(text));
}

const allocations = z.object({
  items: z.array(
    z
      .object({
        metadata: z.object({ name: z.string(), finalizers: z.array(z.string()).optional() }),
        spec: z.object({
          pool: z.string(),
          mac: z.string().optional(),
          consumerRef: z.object({ name: z.string() }).optional(),
        }),
        status: z
          .object({
            mac: z.string().optional(),
            conditions: z.array(
              z.object({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() }),
            ),
          })
          .optional(),
      })
      .transform((shown) => ({ ...shown, mac: macOf(shown) })),
  ),
});
export type ShownAllocation = z.infer<typeof allocations>['items'][number];

/** Returns the MacAllocations of the default namespace. */
export async function shownAllocations({ kubectl }: ControlPlane): Promise<ShownAllocation[]> {
  return allocations.parse(JSON.parse(await kubectl(['get', 'macallocations', '-o', 'json']))).items;
}

/** Waits until the Ready condition of a MacAllocation has this reason. */
export async function untilReason(plane: ControlPlane, name: string, reason: string): Promise<ShownAllocation> {
  return await eventually(
    async () => {
      const found = (await shownAllocations(plane)).find(({ metadata }) => metadata.name === name);
      const ready = found?.status?.conditions.find(({ type }) => type === 'Ready');
      if (found === undefined || ready?.reason !== reason) throw new Error(`Ready is ${JSON.stringify(ready)}`);
      return found;
    },
    { within: 30_000, every: 100 },
  );
}

/** Waits until no MacAllocation is left in the default namespace. */
export async function untilNoAllocations(plane: ControlPlane, within = 30_000): Promise<void> {
  await eventually(
    async () => {
      const left = await shownAllocations(plane);
      if (left.length > 0) throw new Error(`left: ${left.map(({ metadata }) => metadata.name).join(', ')}`);
    },
    { within, every: 100 },
  );
}

/** Returns the audit log of one address, oldest first. */
export async function auditOf(ledger: LedgerClient, mac: string): Promise<readonly AuditEntry[]> {
  const entries = await listAudit(ledger, { limit: 10_000 });
  return entries.filter((entry) => entry.mac === mac).reverse();
}

/** Sets the clock of the ledger, which is one SQL function, ahead of the real one. */
export async function setLedgerAhead(ledger: LedgerClient, interval: string): Promise<void> {
  const body = `clock_timestamp() + interval '${interval}'`;
  await ledger.connections.query(
    `create or replace function rock_mac.clock() returns timestamptz language sql volatile return ${body}`,
  );
}

/** Advances the clock of the ledger while `wait` runs, as if time had passed: the callers' clocks are not compared. */
export async function whileLedgerIsAhead(
  ledger: LedgerClient,
  interval: string,
  wait: () => Promise<void>,
): Promise<void> {
  const [original] = await ledger.query({
    text: `select pg_get_functiondef('rock_mac.expiry_held()'::regprocedure) as definition`,
    values: [],
    row: z.object({ definition: z.string() }),
  });
  if (original === undefined) throw new Error('the ledger does not check its clock');
  await ledger.connections.query(
    'create or replace function rock_mac.expiry_held() returns text language sql volatile return null',
  );
  await setLedgerAhead(ledger, interval);
  try {
    await wait();
  } finally {
    await setLedgerAhead(ledger, '0');
    await ledger.connections.query(
      'update rock_mac.clock_trust set agreed_at = clock_timestamp(), held_since = null, held_skew = null',
    );
    await ledger.connections.query(original.definition);
  }
}
