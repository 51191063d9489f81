import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openSession } from '../console/open-session.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from './installed-env.ts';
import { openPluginShell, type PluginShell, type Running } from './plugin-shell.ts';

/** The commands as users start them, from the bundle with the page. */
const installed = installedEnvOfThisFile();
const SECRET = 'only the proxy knows this text, which is long enough';
let shell: PluginShell;

beforeAll(async () => {
  const { plane } = installed();
  shell = await openPluginShell(plane.binaries.kubectl);
  await plane.kubectl(['create', 'clusterrolebinding', 'ada', '--clusterrole=rock-mac-auditor', '--user=ada']);
  await plane.kubectl(['create', 'clusterrolebinding', 'team', '--clusterrole=rock-mac-auditor', '--group=team']);
  await eventually(() => plane.kubectl(['get', 'pools.ledger.mac.rock-os.io']), { within: 60_000 });
}, 180_000);

afterAll(() => shell.close());

/** Starts the dashboard, and returns it with what it printed to a stream once this matches. */
async function start(pattern: RegExp, ...args: readonly string[]): Promise<{ running: Running; match: string }> {
  const running = shell.start(installed().plane.kubeconfig, 'dashboard', ...args);
  onTestFinished(() => {
    running.child.kill('SIGKILL');
  });
  const match = await eventually(() => {
    const found = pattern.exec(running.stdout() + running.stderr())?.[0];
    if (found === undefined) throw new Error(`not yet: ${running.stderr()}`);
    return Promise.resolve(found);
  });
  return { running, match };
}

test('the command prints an address that opens a session, and ends with Ctrl-C', async () => {
  const { running, match: url } = await start(/http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}\n/, '--no-browser');
  const { origin } = new URL(url);
  expect(await (await fetch(url.trim())).text()).toContain('main.js');
  const headers = { ...(await openSession(url)) };
  expect((await fetch(`${origin}/main.js`)).headers.get('content-type')).toContain('javascript');
  const about = (await (await fetch(`${origin}/api/about`, { headers })).json()) as { program: string };
  expect(about).toMatchObject({ mode: 'cluster', program: 'kubectl rock-mac', missing: [] });
  const pools = (await (await fetch(`${origin}/api/pools`, { headers })).json()) as { pool: string }[];
  expect(pools.map(({ pool }) => pool)).toContain('kubernetes');
  running.child.kill('SIGINT');
  expect((await running.ended).code).toBe(0);
});

test('a port that is in use is named, with what to do', async () => {
  const { match } = await start(/http:\/\/127\.0\.0\.1:\d+/, '--no-browser');
  const { port } = new URL(match);
  const second = await shell.rockMac(installed().plane.kubeconfig, 'dashboard', '--no-browser', '--port', port);
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(`Port ${port} cannot be used`);
});

test('behind a proxy, each user sees what that user may see', async () => {
  const file = path.join(tmpdir(), `rock-mac-proxy-secret-${String(process.pid)}`);
  await writeFile(file, `${SECRET}\n`, { mode: 0o600 });
  const flags = ['--proxy-secret-file', file, '--listen', '127.0.0.1'];
  const { match } = await start(/listens on port \d+/, ...flags);
  const origin = `http://127.0.0.1:${match.replace(/\D/g, '')}`;
  const as = async (call: string, headers: Readonly<Record<string, string>>) =>
    (await fetch(`${origin}${call}`, { headers })).status;
  const proxied = { 'x-rock-mac-proxy-secret': SECRET };
  expect(await as('/api/pools', { ...proxied, 'x-forwarded-user': 'ada' })).toBe(200);
  expect(await as('/api/audit', { ...proxied, 'x-forwarded-user': 'bob', 'x-forwarded-groups': 'dev,team' })).toBe(200);
  expect(await as('/api/pools', { ...proxied, 'x-forwarded-user': 'eve' })).toBe(403);
  expect(await as('/api/pools', proxied)).toBe(401);
  expect(await as('/api/pools', { 'x-forwarded-user': 'ada' })).toBe(401);
  expect(await as('/', {})).toBe(200);
});
