import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Of } from '../../hack/release/checksums.ts';
import { krewManifest } from '../../hack/release/krew-manifest.ts';
import { thisPlatform } from '../../hack/release/platforms.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { buildPostgresImage } from '../env/postgres/postgres-image.ts';
import { resolveHelm } from '../env/programs/helm.ts';
import { resolveCrane, resolveKrew } from '../env/programs/release-programs.ts';
import { eventually } from '../env/run/eventually.ts';
import { reservePort } from '../env/run/port-reservation.ts';
import { logToStderr } from '../env/run/run.ts';
import { noNodes, skippedBecause } from '../node/node-env.ts';
import { type ChartEnv, provideImage, raiseChartEnv } from './chart-env.ts';
import { makeLocalVolume } from './local-volume.ts';
import { makeReleaseFiles, type ReleaseFiles } from './release-files.ts';

/*
 * The first address of an existing cluster from a release, as docs/install.md shows: the chart from a registry, the plugin by
 * krew, and one command. Only the addresses differ: here, the registry and the archive are on this machine.
 */

const run = promisify(execFile);
const { version } = packageJson;

let release: ReleaseFiles;
let chartEnv: ChartEnv;
let registry: ChildProcess;
let charts = '';
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  if (noNodes !== undefined) return;
  const extraImage = { reference: 'postgres:18.4-bookworm', build: buildPostgresImage };
  const [helm, crane, krew] = [
    await resolveHelm(4, logToStderr),
    await resolveCrane(logToStderr),
    await resolveKrew(logToStderr),
  ];
  release = await makeReleaseFiles('plugin');
  chartEnv = await raiseChartEnv('rock-mac-system', { extraImage });
  await provideImage(`registry.example.com/rock-mac:${version}`, chartEnv.image, chartEnv.nodes);
  await makeLocalVolume(chartEnv);
  const port = await reservePort();
  charts = `oci://127.0.0.1:${port.value}/charts`;
  await port.release();
  registry = spawn(crane, ['registry', 'serve', '--address', `127.0.0.1:${port.value}`], { stdio: 'ignore' });
  const { kubeconfig, binaries } = chartEnv.testEnv.controlPlane;
  await symlink(krew, path.join(release.folder, 'kubectl-krew'));
  env = {
    PATH: [
      path.dirname(helm),
      binaries.folder,
      release.folder,
      path.join(release.folder, 'krew/bin'),
      '/usr/bin',
      '/bin',
    ].join(':'),
    HOME: release.folder,
    KREW_ROOT: path.join(release.folder, 'krew'),
    KUBECONFIG: kubeconfig,
  };
  await eventually(() => shell(`helm push --plain-http ${release.chart} ${charts}`), { within: 30_000, every: 500 });
  await writeFile(path.join(release.folder, 'rock-mac.yaml'), await manifest());
}, 900_000);
afterAll(async () => {
  if (noNodes !== undefined) return;
  registry.kill();
  await chartEnv.close();
  await release.remove();
});

async function manifest(): Promise<string> {
  const archive = {
    platform: thisPlatform(),
    folder: path.basename(release.archive, '.tar.gz'),
    url: `https://git.example.com/${path.basename(release.archive)}`,
    sha256: await sha256Of(release.archive),
  };
  return krewManifest(version, 'https://git.example.com/rock-mac', [archive]);
}

async function shell(command: string): Promise<string> {
  return (await run('sh', ['-euc', command], { env, maxBuffer: 16e6 })).stdout;
}

describe.skipIf(noNodes !== undefined)(`a release in an existing cluster${skippedBecause}`, () => {
  test('the chart in the registry says what Artifact Hub shows, and names the released image', async () => {
    const chart = await shell(`helm show chart --plain-http ${charts}/rock-mac --version ${version}`);
    expect(chart).toMatch(/artifacthub\.io\/crdsExamples/);
    expect(chart).toMatch(/^home: https:\/\/git\.example\.com\/rock-mac$/m);
    const values = await shell(`helm show values --plain-http ${charts}/rock-mac --version ${version}`);
    expect(values).toMatch(/^ {2}registry: 'registry\.example\.com'$/m);
  });

  test('the first address takes three commands', { timeout: 300_000 }, async () => {
    await shell(`helm install rock-mac ${charts}/rock-mac --plain-http --version ${version} \
      --namespace rock-mac-system --create-namespace --set postgres.mode=bundled --wait --timeout 4m`);
    await shell(`kubectl krew install --manifest=${release.folder}/rock-mac.yaml --archive=${release.archive}`);
    expect(await shell('kubectl rock-mac allocate --device my-vm')).toMatch(/^Allocated MAC: a4:58:0f:01:00:00$/m);
  });

  test('the plugin of krew shows what the cluster holds, and finds nothing wrong', async () => {
    expect(await shell('kubectl rock-mac list')).toMatch(/^a4:58:0f:01:00:00 +development +my-vm /m);
    expect(await shell('kubectl rock-mac --version')).toContain(version);
  });

  test('a person on call runs rock-mac in a pod of the operator, which knows the ledger', async () => {
    const list = 'kubectl -n rock-mac-system exec deploy/rock-mac-operator -c operator -- node rock-mac.js list';
    expect(await shell(list)).toMatch(/^a4:58:0f:01:00:00 +development +my-vm /m);
  });

  test('krew refuses an archive that was changed', async () => {
    const text = await readFile(path.join(release.folder, 'rock-mac.yaml'), 'utf8');
    const wrong = path.join(release.folder, 'wrong.yaml');
    await writeFile(wrong, text.replace(/sha256: \w+/, `sha256: ${'f'.repeat(64)}`));
    await expect(
      shell(`KREW_ROOT=${release.folder}/other kubectl krew install --manifest=${wrong} --archive=${release.archive}`),
    ).rejects.toThrow(/checksum/);
  });
});
