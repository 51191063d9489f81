import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ImageFolder } from '../../hack/rootfs.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { PROGRAM_VERSION, schemaVersion } from '../../ledger/migrate.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { type ChartEnv, provideImage, raiseChartEnv, urlForPods } from '../integration/chart-env.ts';
import { type ChartRelease, chartRelease } from '../integration/chart-release.ts';
import { noNodes, skippedBecause } from '../node/node-env.ts';

/*
 * Upgrades and rollbacks with the chart between the current version and a next one. The next image differs only in one more
 * migration and in the schema version that its programs know.
 */

const namespace = 'rock-mac';
const NEXT = PROGRAM_VERSION + 1;

/** Two replicas of each, the default. */
const all = (tag: string) => Array.from({ length: 4 }, () => `rock-mac:${tag}`);

const EXPANDING = `alter table addresses add column colour text not null default 'grey';`;
const BREAKING = `-- min-program: ${String(NEXT)}\nalter table addresses add column shape text not null default 'round';`;

// Each test rolls out several times, with real probes and grace periods.
vi.setConfig({ testTimeout: 600_000 });

const onNode = test.skipIf(noNodes !== undefined);

let chartEnv: ChartEnv;
let nextImage: ImageFolder;
let release: ChartRelease;
let ledgerUrl: string;
let ledger: LedgerClient;

beforeAll(async () => {
  if (noNodes !== undefined) return;
  const build = async (folder: string, today: ImageFolder) => {
    const rootfs = path.join(folder, 'next');
    await cp(today.rootfs, rootfs, { recursive: true });
    await countOneMore(path.join(rootfs, today.config.workingDir));
    return (nextImage = { ...today, rootfs });
  };
  chartEnv = await raiseChartEnv(namespace, { extraImage: { reference: 'rock-mac:next', build } });
  release = await chartRelease(chartEnv, namespace);
  await kubectl('create', 'namespace', namespace);
}, 900_000);
afterAll(async () => {
  if (noNodes === undefined) await chartEnv.close();
});

const kubectl = (...args: string[]) => chartEnv.testEnv.controlPlane.kubectl(args);

/** Makes the programs of the next version know one more migration. */
async function countOneMore(folder: string): Promise<void> {
  const number = new RegExp(`PROGRAM_VERSION ?= ?${String(PROGRAM_VERSION)};`);
  let changed = 0;
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.js')) continue;
    const file = path.join(folder, name);
    const text = await readFile(file, 'utf8');
    if (!number.test(text)) continue;
    await writeFile(file, text.replace(number, `PROGRAM_VERSION=${String(NEXT)};`));
    changed++;
  }
  expect(changed).toBe(3); // the command line, which migrates in the init container; operator and webhook, which look
}

/** Installs the current version on a new ledger, and upgrades it to a version with this migration. */
async function upgradeWith(migration: string, database: string): Promise<void> {
  const { workingDir } = nextImage.config;
  await writeFile(
    path.join(nextImage.rootfs, workingDir, 'migrations', `${String(NEXT).padStart(4, '0')}-next.sql`),
    migration,
  );
  await provideImage('rock-mac:next', nextImage, chartEnv.nodes);
  ledgerUrl = await chartEnv.testEnv.postgres.createDatabase(database);
  const options = { applicationName: 'test', max: 1, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 };
  ledger = openLedger({ ...options, url: ledgerUrl });
  await kubectl(
    '-n',
    namespace,
    'create',
    'secret',
    'generic',
    database,
    `--from-literal=url=${urlForPods(ledgerUrl)}`,
  );
  await release.apply({ 'postgres.external.existingSecret': database });
  await release.makePod(`${database}-before`);
  await release.apply({ 'postgres.external.existingSecret': database, 'image.tag': 'next' });
  await release.untilReady(all('next'));
}

onNode(`a rollback over an expanding migration runs on the schema of the next version${skippedBecause}`, async () => {
  await upgradeWith(EXPANDING, 'expanding');
  expect(await schemaVersion(ledger)).toEqual({ version: NEXT, minProgram: 0 });
  const before = await release.makePod('expanding-next');

  await release.rollback(1);
  await release.untilReady(all(packageJson.version));
  expect(await schemaVersion(ledger)).toEqual({ version: NEXT, minProgram: 0 });
  const after = await release.makePod('expanding-back');
  expect(after).toMatch(/^a4:58:0f:05:/);
  expect(after).not.toBe(before);
  await ledger.close();
  await release.uninstall();
});

onNode(
  `a rollback over a breaking migration fails, and the working version keeps running${skippedBecause}`,
  async () => {
    await upgradeWith(BREAKING, 'breaking');
    expect(await schemaVersion(ledger)).toEqual({ version: NEXT, minProgram: NEXT });

    await expect(release.rollback(1, '10s')).rejects.toThrow();
    // The new pods do not become ready, so none of the old pods was stopped.
    expect(await release.readyImages()).toEqual(all('next'));
    const refused = (await chartEnv.pods()).filter(({ ready }) => !ready);
    expect(refused.length).toBeGreaterThanOrEqual(1);
    for (const pod of refused) expect(await pod.log()).toContain('Upgrade this program');
    expect(await release.makePod('breaking-back')).toMatch(/^a4:58:0f:05:/);

    await release.apply({ 'postgres.external.existingSecret': 'breaking', 'image.tag': 'next' });
    await release.untilReady(all('next'));
    await ledger.close();
  },
);
