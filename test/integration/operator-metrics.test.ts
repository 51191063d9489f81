import { beforeAll, describe, expect, test } from 'vitest';
import { SYSTEM_NAMESPACE } from '../../api/names.ts';
import { scrape } from '../env/read-metric.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, aPod, installedEnvOfThisFile } from './installed-env.ts';

const installed = installedEnvOfThisFile();
let stranger = '';

beforeAll(async () => {
  stranger = (await installed().plane.kubectl(['create', 'token', 'default'])).trim();
});

describe.each(['operators', 'webhooks'] as const)('the metrics of the %s', (which) => {
  function program() {
    const found = installed().installation[which][0];
    if (found === undefined) throw new Error(`none of the ${which} runs`);
    return found;
  }

  test('are returned to a ServiceAccount that may read them', async () => {
    const { metricsToken: token } = installed().installation;
    const { status, text } = await scrape({ port: program().metricsPort, token });
    expect(status).toBe(200);
    expect(text).toContain('# HELP rockmac_');
  });

  test.each([
    ['without a token', () => undefined, 401, 'bearer token'],
    ['with an unknown token', () => 'made.up.token', 401, 'bearer token'],
    ['with a token that does not allow it', () => stranger, 403, 'rock-mac-metrics-reader'],
  ])('are not returned to a client %s', async (_, tokenOf, status, text) => {
    const token = tokenOf();
    const response = await scrape({ port: program().metricsPort, ...(token !== undefined && { token }) });
    expect(response.status).toBe(status);
    expect(response.text).toContain(text);
    expect(response.text).not.toContain('rockmac_');
  });

  test('are not served on the port of the probes, which needs no token', async () => {
    const { healthPort } = program();
    const statusOf = async (path: string) => (await fetch(`http://127.0.0.1:${String(healthPort)}${path}`)).status;
    expect(await Promise.all(['/healthz', '/readyz', '/metrics'].map(statusOf))).toEqual([200, 200, 404]);
  });

  test('are returned while the API server is unavailable, but only to a client that was authorized before', async () => {
    const { plane, installation } = installed();
    const { metricsPort: port } = program();
    await scrape({ port, token: installation.metricsToken });
    await plane.apiServer.kill();
    try {
      expect((await scrape({ port, token: installation.metricsToken })).status).toBe(200);
      expect((await scrape({ port, token: 'another.made.up' })).status).toBe(503);
    } finally {
      await plane.apiServer.start();
    }
  });
});

test('a process with an audience returns metrics only to tokens that are good for nothing else', async () => {
  const { installation, plane } = installed();
  const audience = 'rock-mac-metrics';
  const { metricsPort: port } = await installation.startWebhook({ ROCK_MAC_METRICS_AUDIENCE: audience });
  const create = ['create', 'token', 'metrics-reader', '-n', SYSTEM_NAMESPACE];
  const token = (await plane.kubectl([...create, '--audience', audience])).trim();
  expect((await scrape({ port, token })).status).toBe(200);
  expect((await scrape({ port, token: installation.metricsToken })).status).toBe(401);
  const [operator] = installation.operators;
  expect((await scrape({ port: operator?.metricsPort ?? 0, token })).status).toBe(401);
});

test.each(['operators', 'webhooks'] as const)(
  'the %s report the expiry of their certificate, in a month',
  async (which) => {
    const [program] = installed().installation[which];
    const left = ((await program?.metric('rockmac_certificate_expiry_timestamp_seconds')) ?? 0) - Date.now() / 1_000;
    expect(left / 86_400).toBeGreaterThan(29);
    expect(left / 86_400).toBeLessThan(31);
  },
);

test('every controller has metrics, including those of pods and of virtual machines', async () => {
  const { installation, plane } = installed();
  await plane.kubectl(['create', '-f', '-'], { input: aPod('counted', { networks: 'blue' }) });
  await plane.kubectl(['create', '-f', '-'], { input: aClaim('counted', { pool: 'development' }) });
  const [operator] = installation.operators;
  await eventually(
    async () => {
      const { text } = await scrape({ port: operator?.metricsPort ?? 0, token: installation.metricsToken });
      const counted = [...text.matchAll(/^rockmac_reconcile_duration_seconds_count{controller="(\w+)"/gm)];
      expect(new Set(counted.map(([, name]) => name))).toEqual(
        new Set(['claim', 'mirror', 'node', 'pod', 'pool', 'resync']),
      );
      expect(text).toContain('rockmac_queue_depth{controller="virtualmachine"}');
    },
    { within: 20_000, every: 200 },
  );
});
