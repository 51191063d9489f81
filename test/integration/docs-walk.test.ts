import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { resolveHelm } from '../env/programs/helm.ts';
import { eventually } from '../env/run/eventually.ts';
import { logToStderr } from '../env/run/run.ts';
import { type ChartEnv, provideImage, raiseChartEnv, repository, urlForPods } from './chart-env.ts';

/*
 * Runs the blocks of README.md, docs/install.md and docs/upgrade.md that are marked `runnable`, unchanged, in a shell in the
 * checkout. Only the variables that the pages name are set.
 */

const run = promisify(execFile);
const walked = new Set<Block>();
let chartEnv: ChartEnv;
let env: NodeJS.ProcessEnv;
let ledgerUrl: string;
let readme: readonly Block[];
let install: readonly Block[];
let upgrade: readonly Block[];

beforeAll(async () => {
  [chartEnv, readme, install, upgrade] = await Promise.all([
    raiseChartEnv('rock-mac-system'),
    runnableBlocks('README.md'),
    runnableBlocks('docs/install.md'),
    runnableBlocks('docs/upgrade.md'),
  ]);
  const { testEnv, image, nodes } = chartEnv;
  // The pages name a registry, from which nothing can be pulled here.
  await provideImage(`registry.example.com/rock-mac:${packageJson.version}`, image, nodes);
  const { kubeconfig, binaries } = testEnv.controlPlane;
  const folders = [
    path.dirname(await resolveHelm(4, logToStderr)),
    binaries.folder,
    path.join(image.rootfs, image.config.workingDir),
    path.dirname(process.execPath),
  ];
  ledgerUrl = await testEnv.postgres.createDatabase('rock_mac');
  env = {
    PATH: [...folders, '/usr/bin', '/bin'].join(path.delimiter),
    HOME: path.dirname(kubeconfig),
    KUBECONFIG: kubeconfig,
    // Commands on the machine reach the ledger at another address than pods, for which install.md stores it in a Secret.
    ROCK_MAC_LEDGER_URL: urlForPods(ledgerUrl),
  };
}, 900_000);
afterAll(async () => {
  await chartEnv.close();
});

test('docs/install.md installs rock-mac, and a pod gets addresses', { timeout: 300_000 }, async () => {
  await walk(install, '2. The ledger');
  await walk(install, '3. The chart');
  expect(await walk(install, '4. Try it')).toMatch(/"mac":"a4:58:0f:05:00:00"/);
});

test(
  'README.md shows how to get the first addresses, inside and outside of a cluster',
  { timeout: 120_000 },
  async () => {
    expect(await walk(readme, 'Your first address', { ROCK_MAC_LEDGER_URL: ledgerUrl })).toMatch(/a4:58:0f:01:00:00/);
  },
);

test('docs/upgrade.md upgrades and rolls back', { timeout: 300_000 }, async () => {
  expect(await walk(upgrade, 'Upgrade and rollback')).toContain('REVISION: 2');
  expect(await walk(upgrade, 'Rollback')).toContain('Rollback was a success');
});

test('docs/install.md uninstalls rock-mac, and lists everything that remains', { timeout: 300_000 }, async () => {
  expect(await walk(install, 'Uninstall')).toContain('release "rock-mac" uninstalled');
  await untilOnlyClaimsAreLeft();
});

test('docs/install.md installs and uninstalls without Helm', { timeout: 300_000 }, async () => {
  await shell('kubectl delete namespace rock-mac-system');
  const output = await walk(install, 'Without Helm');
  expect(output).toContain('macpool.mac.rock-os.io/kubernetes condition met');
  await untilOnlyClaimsAreLeft();
  await shell('kubectl delete pod example');
});

test('all runnable blocks were run', () => {
  const all = [...readme, ...install, ...upgrade];
  expect(all.filter((block) => !walked.has(block))).toEqual([]);
});

/** The webhook answers for a while after its end was requested, so its pods end a few seconds later. */
async function untilOnlyClaimsAreLeft(): Promise<void> {
  await eventually(
    async () => {
      expect(await whatIsLeft()).toEqual(['macallocation.mac.rock-os.io/prod-01']);
    },
    { within: 60_000, every: 500 },
  );
}

/** Returns the remaining objects of an installation: only claims should remain. */
async function whatIsLeft(): Promise<readonly string[]> {
  const roles =
    'clusterroles,clusterrolebindings,apiservices,mutatingwebhookconfigurations,validatingadmissionpolicies';
  const left = await shell(`
    kubectl get macallocations -A -o name
    kubectl get pods -n rock-mac-system -o name
    kubectl get ${roles} -o name | grep rock-mac || true`);
  return left.trim().split('\n');
}

/** Runs the blocks below one heading, and returns their output. */
async function walk(page: readonly Block[], heading: string, more: NodeJS.ProcessEnv = {}): Promise<string> {
  const outputs = [];
  for (const block of page.filter((each) => each.heading === heading)) {
    walked.add(block);
    outputs.push(await shell(block.script, more));
  }
  expect(outputs, `there is no runnable block below "${heading}"`).not.toEqual([]);
  return outputs.join('\n');
}

async function shell(script: string, more: NodeJS.ProcessEnv = {}): Promise<string> {
  return (await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: repository, env: { ...env, ...more } })).stdout;
}

interface Block {
  readonly heading: string;
  readonly script: string;
}

async function runnableBlocks(file: string): Promise<readonly Block[]> {
  const text = await readFile(path.join(repository, file), 'utf8');
  const blocks: Block[] = [];
  let heading = '';
  // Other blocks must be skipped as a whole, because their comments look like headings.
  for (const [, title, script] of text.matchAll(/^#+ ([^\n]+)$|^```sh runnable\n(.*?)^```$|^```.*?^```$/gms)) {
    heading = title ?? heading;
    if (script !== undefined) blocks.push({ heading, script });
  }
  return blocks;
}
