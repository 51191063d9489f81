import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resolveHelm } from '../ground/helm.ts';
import { logToStderr } from '../ground/run.ts';
import { raiseChartGround, repository, type ChartGround } from './chart-ground.ts';

/*
 * A stranger's walk: the blocks of README.md and docs/install.md that are marked `runnable` are run as they stand there, by
 * a shell in the checkout, with nothing set but what the pages say.
 */

const run = promisify(execFile);
let chartGround: ChartGround;
let env: NodeJS.ProcessEnv;
let install: readonly string[];
let readme: readonly string[];

beforeAll(async () => {
  [chartGround, install, readme] = await Promise.all([
    raiseChartGround('rock-mac-system'),
    runnableBlocks('docs/install.md'),
    runnableBlocks('README.md'),
  ]);
  const { ground, image } = chartGround;
  const { kubeconfig, binaries } = ground.controlPlane;
  const folders = [
    path.dirname(await resolveHelm(4, logToStderr)),
    binaries.folder,
    path.join(image.rootfs, image.config.workingDir),
    path.dirname(process.execPath),
  ];
  env = {
    PATH: [...folders, '/usr/bin', '/bin'].join(path.delimiter),
    HOME: path.dirname(kubeconfig),
    KUBECONFIG: kubeconfig,
    ROCK_MAC_LEDGER_URL: await ground.postgres.createDatabase('rock_mac'),
  };
}, 900_000);
afterAll(async () => {
  await chartGround.close();
});

test('docs/install.md leads to a pod with addresses', { timeout: 300_000 }, async () => {
  expect(install.length).toBeGreaterThanOrEqual(4);
  const outputs = [];
  for (const block of install.slice(0, -1)) outputs.push(await shell(block));
  expect(outputs.at(-1)).toMatch(/"mac":"a4:58:0f:05:00:00"/);
});

test('README.md leads to the first addresses, in the cluster and outside of it', { timeout: 120_000 }, async () => {
  expect(readme.length).toBeGreaterThanOrEqual(1);
  const outputs = [];
  for (const block of readme) outputs.push(await shell(block));
  expect(outputs.join('\n')).toMatch(/a4:58:0f:01:00:00/);
});

test('docs/install.md leads out again, and says what stays', { timeout: 300_000 }, async () => {
  expect(await shell(install.at(-1) ?? '')).toContain('release "rock-mac" uninstalled');
  const left = await shell('kubectl get macallocations -A -o name; kubectl get pods -n rock-mac-system -o name');
  expect(left.trim()).toBe('macallocation.mac.rock-os.io/prod-01');
});

async function shell(block: string): Promise<string> {
  return (await run('bash', ['-euo', 'pipefail', '-c', block], { cwd: repository, env })).stdout;
}

async function runnableBlocks(file: string): Promise<readonly string[]> {
  const text = await readFile(path.join(repository, file), 'utf8');
  return [...text.matchAll(/^```sh runnable\n(.*?)^```$/gms)].map(([, block = '']) => block);
}
