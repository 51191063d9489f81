import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { LEDGER_API_SERVICE } from '../../api/names.ts';
import { listAddresses } from '../../ledger/address/find.ts';
import { listAudit } from '../../ledger/audit.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import type { TestEnv } from '../env/env.ts';
import { kubectlFor } from '../env/kubernetes/kubectl.ts';
import { MACHINE_ADDRESS } from '../env/node/addresses.ts';
import { clusterLogin } from '../env/postgres/cluster-login.ts';
import { type Helm, helmFor, type HelmMajor, resolveHelm } from '../env/programs/helm.ts';
import { eventually } from '../env/run/eventually.ts';
import { logToStderr } from '../env/run/run.ts';
import { noNodes, skippedBecause } from '../node/node-env.ts';
import { type ChartEnv, raiseChartEnv, repository, urlForPods } from './chart-env.ts';
import { forwardedPort } from './forwarded-port.ts';
import { aClaim, addressesOf, aPod, shownAllocations, untilReason } from './installed-env.ts';
import { openPluginShell } from './plugin-shell.ts';

/*
 * The unchanged chart, installed by a real Helm on a real node, from an image that the lines of the Dockerfile make.
 */

const chart = path.join(repository, 'charts', 'rock-mac');
const namespace = 'rock-mac';
const patience = { within: 40_000, every: 150 };

/** The login of the programs, where the Secret has two. */
const LOGIN = 'rock_mac_charted';

/** Declares the tests of the chart from installation to uninstallation with one version of Helm. Call it at the top level. */
export function chartLife(major: HelmMajor): void {
  describe.skipIf(noNodes !== undefined)(
    `the chart's life with Helm ${major}${skippedBecause}`,
    { timeout: 300_000 },
    () => {
      let testEnv: TestEnv;
      let chartEnv: ChartEnv;

      beforeAll(async () => {
        chartEnv = await raiseChartEnv(namespace);
        ({ testEnv } = chartEnv);
        // All pods must meet the strictest profile of Pod Security.
        await kubectl('create', 'namespace', namespace);
        await kubectl('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted');
      });
      afterAll(async () => {
        await ledger.close();
        await chartEnv.close();
      });

      let helm: Helm;
      let ledger: LedgerClient;
      /** The values for the connection to the ledger: as a URL, and in parts. */
      let connection: string[];
      const kubectl = (...args: string[]) => testEnv.controlPlane.kubectl(args);

      const upgrade = (...values: string[]) => {
        const pool = ['pools[0].name=lab', 'pools[0].first=a4:58:0f:10:00:00', 'pools[0].last=a4:58:0f:10:00:ff'];
        const set = [...connection, ...pool, 'webhook.drainSeconds=1', ...values].flatMap((value) => ['--set', value]);
        const wait = ['--wait', '--timeout', '240s'];
        return helm(['upgrade', '--install', 'try', chart, '--namespace', namespace, ...wait, ...set]);
      };
      const apply = (object: string) =>
        // During the initial sync requests are rejected. Controllers try again, and so does this test.
        eventually(() => testEnv.controlPlane.kubectl(['apply', '-f', '-'], { input: object }), patience);
      const macOf = async (pod: string) => (await addressesOf(testEnv.controlPlane, pod)).map(({ mac }) => mac);
      const mirrorsOf = async (pod: string) =>
        (await shownAllocations(testEnv.controlPlane)).filter(({ spec }) => spec.consumerRef?.name === pod);
      const readApi = () => kubectl('get', 'apiservice', LEDGER_API_SERVICE, '--ignore-not-found', '-o', 'name');
      const webhookConfigurations = () =>
        kubectl('get', 'mutatingwebhookconfigurations,validatingwebhookconfigurations', '-o', 'name');
      const heldInLedger = async () =>
        (await listAddresses(ledger, { states: ['active'], order: 'newest', limit: 100 })).map(({ mac }) => mac);

      beforeAll(async () => {
        helm = helmFor(await resolveHelm(major, logToStderr), testEnv.controlPlane.kubeconfig);
        const url = new URL(await testEnv.postgres.createDatabase('ledger'));
        const secret = ['-n', namespace, 'create', 'secret', 'generic', 'rock-mac-ledger'];
        if (major === 4) {
          const own = urlForPods(await clusterLogin(url.href, LOGIN));
          await kubectl(...secret, `--from-literal=url=${own}`, `--from-literal=migrationUrl=${urlForPods(url.href)}`);
          connection = [];
        } else {
          await kubectl(...secret, `--from-literal=user=${url.username}`, `--from-literal=password=${url.password}`);
          connection = [
            ...[`host=${MACHINE_ADDRESS}`, `port=${url.port}`, `database=${url.pathname.slice(1)}`, 'userKey=user'],
            'sslMode=disable',
          ].map((value) => `postgres.external.${value}`);
        }
        ledger = openLedger({
          url: url.href,
          applicationName: 'test',
          max: 1,
          connectTimeoutMs: 5_000,
          statementTimeoutMs: 10_000,
        });
      }, 900_000);

      test('the image contains the programs and the licences of all that is in it, and no source maps', async () => {
        const { rootfs, config } = chartEnv.image;
        const files = await readdir(path.join(rootfs, config.workingDir));
        const programs = ['operator.js', 'webhook.js', 'uninstall.js', 'rock-mac.js'];
        const licences = ['LICENSE', 'NODE-LICENSE.txt', 'THIRD-PARTY-LICENSES.txt'];
        expect(files).toEqual(expect.arrayContaining([...programs, ...licences]));
        const libraries = await readdir(path.join(rootfs, 'usr/share/doc'));
        expect(libraries.sort()).toEqual(['libc6', 'libgcc-s1', 'libstdc++6']);
        expect(files.filter((file) => file.endsWith('.map'))).toEqual([]);
      });

      test('an installation runs, and pods and claims get addresses, also from a pool of the values', async () => {
        const notes = await upgrade('webhook.replicas=1', 'operator.replicas=1');
        expect(notes).toContain('WARNING: with one replica');
        expect(notes).toContain('a4:58:0f is a globally assigned prefix');
        const commands = [...notes.matchAll(/^ {5}kubectl (.+)$/gm)].map(([, words = '']) => words.split(' '));
        expect(commands.length).toBeGreaterThanOrEqual(4);
        for (const command of commands) await kubectl(...command);
        await apply(aPod('first', { networks: 'blue' }));
        await apply(aClaim('claim', { pool: 'lab' }));
        const claim = await untilReason(testEnv.controlPlane, 'claim', 'Allocated');
        const logins = new Set((await listAudit(ledger, { limit: 100 })).map(({ login }) => login));
        expect([...logins]).toEqual([major === 4 ? LOGIN : 'env']);
        expect(claim.status?.mac).toMatch(/^a4:58:0f:10:/);
        expect(await macOf('first')).toHaveLength(1);
        await eventually(async () => {
          expect(await mirrorsOf('first')).toHaveLength(1);
        }, patience);
      });

      test('helm test proves that claims and pods reach the webhook, stores nothing, and says if a namespace is not served', async () => {
        const tested = () => helm(['test', 'try', '--namespace', namespace, '--timeout', '120s', '--logs']);
        const log = await tested();
        // Helm 3 prints the log once for each object of the test.
        expect([...new Set(log.match(/^ok +webhook .*$/gm))]).toHaveLength(2);
        expect(await kubectl('get', 'macallocations', '-o', 'name')).not.toContain('doctor-');
        const left = ['role,rolebinding', '-A', '-l', 'app.kubernetes.io/part-of=rock-mac', '-o', 'name'];
        expect(await kubectl('get', ...left)).not.toContain('rock-mac-test');
        await upgrade('webhook.replicas=1', 'operator.replicas=1', 'test.namespace=kube-system');
        await expect(tested()).rejects.toThrow();
        expect(await kubectl('-n', namespace, 'logs', 'rock-mac-test')).toMatch(/^error +webhook .*did not see$/m);
      });

      test('a report has the logs of the pods, and not the password of the ledger', async () => {
        const shell = await openPluginShell(testEnv.controlPlane.binaries.kubectl);
        const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-report-'));
        const file = path.join(folder, 'report.zip');
        const { code, stderr } = await shell.rockMac(testEnv.controlPlane.kubeconfig, 'report', '--to', file);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        const entries = Object.entries(unzipSync(await readFile(file)));
        await Promise.all([shell.close(), rm(folder, { recursive: true })]);
        const log = entries.find(([name]) => /\/logs\/rock-mac-operator-[\w-]+-operator\.log$/.test(name));
        expect(strFromU8(log?.[1] ?? new Uint8Array())).toContain('"msg":"leading"');
        const text = entries.map(([, bytes]) => strFromU8(bytes)).join('\n');
        const secret = await kubectl('-n', namespace, 'get', 'secret', 'rock-mac-ledger', '-o', 'jsonpath={.data}');
        const values = Object.values(z.record(z.string(), z.string()).parse(JSON.parse(secret)));
        const decoded = values.map((value) => Buffer.from(value, 'base64').toString());
        // A user and a password of the tests are words that are in any text.
        for (const url of decoded.filter((value) => value.includes('://'))) expect(text).not.toContain(url);
      });

      test('only users with the right can read the whole ledger through the read API', async () => {
        const { controlPlane } = testEnv;
        await kubectl('create', 'clusterrolebinding', 'ada', '--clusterrole=rock-mac-auditor', '--user=ada');
        const kubectlOf = async (user: string) =>
          kubectlFor(controlPlane.binaries.kubectl, await controlPlane.userKubeconfig(user));
        const [auditor, stranger] = [await kubectlOf('ada'), await kubectlOf('eve')];
        const list = ['get', 'addresses.ledger.mac.rock-os.io', '-o', 'name'];
        const listed = await eventually(() => auditor(list), patience);
        for (const mac of await macOf('first')) expect(listed).toContain(mac);
        await expect(stranger(list)).rejects.toThrow('forbidden');
      });

      test('the dashboard shows the users of a proxy what each may see, and nothing to others', async () => {
        const proxySecret = 'only the proxy knows this text, which is long enough';
        const secret = [
          'create',
          'secret',
          'generic',
          'rock-mac-dashboard-proxy',
          `--from-literal=secret=${proxySecret}`,
        ];
        await kubectl('-n', namespace, ...secret);
        await upgrade('webhook.replicas=1', 'operator.replicas=1', 'dashboard.enabled=true');
        const port = await forwardedPort(testEnv, { namespace, target: 'service/rock-mac-dashboard', port: 8088 });
        const get = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
          const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
          return { status: response.status, text: await response.text() };
        };
        const throughProxy = (user: string) => ({ 'x-rock-mac-proxy-secret': proxySecret, 'x-forwarded-user': user });

        const [mac = ''] = await macOf('first');
        expect(await get('/')).toMatchObject({ status: 200, text: expect.stringContaining('main.js') as string });
        const found = await get('/api/search?q=first', throughProxy('ada'));
        expect(found).toMatchObject({ status: 200, text: expect.stringContaining(mac) as string });
        expect((await get('/api/pools', throughProxy('ada'))).text).toContain('a4:58:0f:10:00:ff');
        const refused = await get('/api/search?q=first', throughProxy('eve'));
        expect(refused).toMatchObject({ status: 403, text: expect.stringContaining('eve may not list') as string });
        const nobody = [{}, { 'x-forwarded-user': 'ada' }, { 'x-rock-mac-proxy-secret': proxySecret }];
        for (const headers of nobody) {
          const { status, text } = await get('/api/search?q=first', headers);
          expect(status).toBe(401);
          expect(text).not.toContain(mac);
        }
        const change = {
          method: 'POST',
          headers: throughProxy('ada'),
          body: JSON.stringify({ kind: 'pause', pool: 'lab' }),
        };
        expect((await fetch(`http://127.0.0.1:${port}/api/act`, change)).status).toBe(403);
      });

      test('an upgrade with other values rolls out', async () => {
        await upgrade('webhook.replicas=2', 'logLevel=debug', 'readApi.enabled=false');
        await eventually(async () => {
          const webhooks = (await chartEnv.pods()).filter(({ name }) => name.startsWith('rock-mac-webhook'));
          expect(webhooks.map(({ ready }) => ready)).toEqual([true, true]);
        }, patience);
        await apply(aPod('second', { networks: 'blue' }));
        expect(await macOf('second')).not.toEqual(await macOf('first'));
        await eventually(async () => {
          expect(await readApi()).toBe('');
        }, patience);
      });

      test('the same upgrade twice changes nothing, and keeps the CA of the webhook', async () => {
        const stored = () =>
          kubectl(
            ...['-n', namespace, 'get', 'mutatingwebhookconfiguration,validatingwebhookconfiguration,deployment'],
            ...[
              '-o',
              'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.generation} {.webhooks}{"\\n"}{end}',
            ],
          );
        const before = await stored();
        expect(before.match(/"caBundle":"[A-Za-z0-9+/=]{100,}"/g)).toHaveLength(5);
        await upgrade('webhook.replicas=2', 'logLevel=debug', 'readApi.enabled=false');
        await upgrade('webhook.replicas=2', 'logLevel=debug', 'readApi.enabled=false');
        expect(await stored()).toBe(before);
      });

      test('a rollback restores the running installation', async () => {
        await helm(['rollback', 'try', '1', '--namespace', namespace, '--wait', '--timeout', '240s']);
        const replicas = ['-o', 'jsonpath={.spec.replicas}'];
        expect(await kubectl('-n', namespace, 'get', 'deployment', 'rock-mac-webhook', ...replicas)).toBe('1');
        await apply(aPod('third', { networks: 'blue' }));
        expect(await macOf('third')).toHaveLength(1);
        await eventually(async () => {
          expect(await readApi()).not.toBe('');
        }, patience);
      });

      test('an uninstallation leaves nothing that blocks other objects, and keeps claims and data', async () => {
        await kubectl('create', 'namespace', 'tenant');
        await kubectl('label', 'namespace', 'tenant', 'mac.rock-os.io/inject=enabled');
        await testEnv.controlPlane.kubectl(['-n', 'tenant', 'apply', '-f', '-'], {
          input: aPod('guest', { networks: 'blue' }),
        });
        await eventually(async () => {
          expect(await kubectl('-n', 'tenant', 'get', 'macallocations', '-o', 'name')).toContain('guest');
        }, patience);
        const held = await heldInLedger();

        await helm(['uninstall', 'try', '--namespace', namespace, '--wait']);

        expect([await webhookConfigurations(), await readApi()]).toEqual(['', '']);
        await testEnv.controlPlane.kubectl(['apply', '-f', '-'], { input: aPod('unserved') });
        expect(await macOf('unserved')).toEqual([]);
        // Nobody removes finalizers any more, so no mirror may still have one.
        await kubectl('delete', 'namespace', 'tenant', '--timeout=30s');
        const left = await shownAllocations(testEnv.controlPlane);
        expect(left.filter(({ spec }) => spec.consumerRef !== undefined)).toEqual([]);
        const claim = left.find(({ metadata }) => metadata.name === 'claim');
        expect(claim?.status?.mac).toMatch(/^a4:58:0f:10:/);
        // Pending addresses may have been bound in the meantime, but none may be missing.
        expect(await heldInLedger()).toEqual(expect.arrayContaining(held));
        const rights = await kubectl('get', 'clusterroles,clusterrolebindings', '-o', 'name');
        expect(rights).not.toContain('rock-mac');
      });

      test('a new installation continues with the existing ledger and claims', async () => {
        const [first, claimed] = [await macOf('first'), await claimedMac()];
        await upgrade('webhook.replicas=1', 'operator.replicas=1');
        await eventually(async () => {
          const mirrors = await mirrorsOf('first');
          expect(mirrors.map(({ mac }) => mac)).toEqual(first);
        }, patience);
        expect(await claimedMac()).toBe(claimed);
        await apply(aPod('fourth', { networks: 'blue' }));
        const fourth = await macOf('fourth');
        await eventually(async () => {
          expect(await heldInLedger()).toEqual(expect.arrayContaining([...first, ...fourth]));
        }, patience);
        expect(new Set([...first, ...fourth])).toHaveProperty('size', 2);
      });

      async function claimedMac(): Promise<string | undefined> {
        const all = await shownAllocations(testEnv.controlPlane);
        return all.find(({ metadata }) => metadata.name === 'claim')?.status?.mac;
      }
    },
  );
}
