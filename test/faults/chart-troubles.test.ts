import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { eventually } from '../env/run/eventually.ts';
import { type ChartEnv, raiseChartEnv, urlForPods } from '../integration/chart-env.ts';
import { type ChartRelease, chartRelease, patience } from '../integration/chart-release.ts';
import { shownAllocations } from '../integration/installed-env.ts';
import { noNodes, skippedBecause } from '../node/node-env.ts';

/*
 * Failures around an installation, and the solutions in docs/install.md, docs/upgrade.md and docs/troubleshooting.md. One
 * installation goes through all of them.
 */

const namespace = 'rock-mac';
const working = Array.from({ length: 4 }, () => `rock-mac:${packageJson.version}`);

// Each test rolls out several times, with real probes and grace periods.
vi.setConfig({ testTimeout: 600_000 });

const onNode = test.skipIf(noNodes !== undefined);

let chartEnv: ChartEnv;
let release: ChartRelease;
let ledgerUrl: string;

beforeAll(async () => {
  if (noNodes !== undefined) return;
  chartEnv = await raiseChartEnv(namespace);
  release = await chartRelease(chartEnv, namespace);
  ledgerUrl = await chartEnv.testEnv.postgres.createDatabase('ledger');
  await makeNamespace();
  await release.apply({});
}, 900_000);
afterAll(async () => {
  if (noNodes === undefined) await chartEnv.close();
});

const kubectl = (...args: string[]) => chartEnv.testEnv.controlPlane.kubectl(args);

async function makeNamespace(): Promise<void> {
  await kubectl('create', 'namespace', namespace);
  await kubectl(
    '-n',
    namespace,
    'create',
    'secret',
    'generic',
    'rock-mac-ledger',
    `--from-literal=url=${urlForPods(ledgerUrl)}`,
  );
}

onNode(
  `an upgrade while the ledger is down changes nothing, and completes when it is back${skippedBecause}`,
  async () => {
    const { postgres } = chartEnv.testEnv;
    await postgres.stop();
    await expect(release.apply({ logLevel: 'debug' }, '8s')).rejects.toThrow();
    expect(await release.readyImages()).toEqual(working);
    await postgres.start();
    await release.apply({ logLevel: 'debug' });
    await release.untilReady(working);
    expect(await release.makePod('after-outage')).toMatch(/^a4:58:0f:05:/);
  },
);

onNode(
  `an image that cannot be pulled stops an upgrade, and stops an uninstallation before it removes anything${skippedBecause}`,
  async () => {
    await expect(release.apply({ 'image.repository': 'missing' }, '6s')).rejects.toThrow();
    expect(await release.readyImages()).toEqual(working);

    await expect(release.uninstall('6s')).rejects.toThrow();
    expect(await kubectl('get', 'mutatingwebhookconfigurations', '-o', 'name')).toContain('zz-rock-mac');
    expect(await release.readyImages()).toEqual(working);
    expect(await release.makePod('still-served')).toMatch(/^a4:58:0f:05:/);
  },
);

onNode(`a rollback to a working revision solves it${skippedBecause}`, async () => {
  await release.rollback(1);
  await release.untilReady(working);
  expect(await release.makePod('rolled-back')).toMatch(/^a4:58:0f:05:/);
});

onNode(
  `the same installation restores a namespace that was deleted with all its content${skippedBecause}`,
  async () => {
    const before = await held();
    await kubectl('delete', 'namespace', namespace, '--timeout=60s');
    // Requests are rejected, because the webhook configuration is cluster-scoped and still exists.
    await expect(kubectl('run', 'refused', '--image=none', '--annotations=mac.rock-os.io/inject=true')).rejects.toThrow(
      /failed calling webhook/,
    );
    await makeNamespace();
    await release.apply({});
    expect(await release.makePod('back-again')).toMatch(/^a4:58:0f:05:/);
    expect(await held()).toEqual(expect.arrayContaining([...before]));
    await release.uninstall();
    expect(await kubectl('get', 'mutatingwebhookconfigurations', '-o', 'name')).toBe('');
    await eventually(async () => {
      expect(await shownAllocations(chartEnv.testEnv.controlPlane)).toEqual([]);
    }, patience);
  },
);

/** Returns the pods with their addresses from the mirrors. */
async function held(): Promise<string[]> {
  const shown = await shownAllocations(chartEnv.testEnv.controlPlane);
  return shown.map(({ spec, mac }) => `${spec.consumerRef?.name ?? ''} ${mac ?? ''}`).sort();
}
