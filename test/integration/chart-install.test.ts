import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildRootfs, type ImageFolder } from '../../hack/rootfs.ts';
import { eventually } from '../ground/eventually.ts';
import { startGround, type Ground } from '../ground/ground.ts';
import { helmFor, type Helm } from '../ground/helm-cli.ts';
import { helmMajors, resolveHelm } from '../ground/helm.ts';
import { startKubelet, type Kubelet } from '../ground/kubelet.ts';
import { logToStderr } from '../ground/run.ts';
import { addressesOf, aPod } from './installed-ground.ts';

/*
 * The chart as it is, installed by Helm as it is. The Deployments' processes are started from what is stored, by the
 * kubelet of the ground, from a folder with what the Dockerfile puts into the image.
 */

const repository = path.join(import.meta.dirname, '..', '..');
const chart = path.join(repository, 'charts', 'rock-mac');
const namespace = 'rock-mac';

let ground: Ground;
let image: ImageFolder;
let imageHome: string;
let kubelet: Kubelet;

beforeAll(async () => {
  imageHome = await mkdtemp(path.join(tmpdir(), 'rock-mac-image-'));
  [ground, image] = await Promise.all([
    startGround({ postgres: { fsync: false } }),
    buildRootfs(repository, imageHome),
  ]);
  const { run, controlPlane } = ground;
  kubelet = await startKubelet({
    run,
    controlPlane,
    namespace,
    imageOf: (name) => (name.startsWith('rock-mac:') ? image : undefined),
  });
  await controlPlane.kubectl(['create', 'namespace', namespace]);
});
afterAll(async () => {
  await kubelet.close();
  await ground.close();
  await rm(imageHome, { recursive: true, force: true });
});

describe.each(helmMajors)('with Helm %i', (major) => {
  let helm: Helm;
  const kubectl = (...args: string[]) => ground.controlPlane.kubectl(args);
  const upgrade = (...set: string[]) =>
    helm([
      ...['upgrade', '--install', 'try', chart, '--namespace', namespace, '--wait', '--timeout', '60s'],
      ...set.flatMap((value) => ['--set', value]),
    ]);

  beforeAll(async () => {
    helm = helmFor(await resolveHelm(major, logToStderr), ground.controlPlane.kubeconfig);
    const url = await ground.postgres.createDatabase(`helm_${major}`);
    await kubectl('-n', namespace, 'create', 'secret', 'generic', 'rock-mac-ledger', `--from-literal=url=${url}`);
  });

  test('an install runs, and a pod gets its addresses', async () => {
    const notes = await upgrade('webhook.replicas=1');
    expect(notes).toContain('rock-mac');
    // Until the operator has recorded what is in use, whoever asks is refused and asks again, as controllers do.
    const pod = aPod(`first-${major}`, { networks: 'blue' });
    await eventually(() => ground.controlPlane.kubectl(['apply', '-f', '-'], { input: pod }), { within: 30_000 });
    expect(await addressesOf(ground.controlPlane, `first-${major}`)).toHaveLength(1);
    await eventually(async () => {
      expect(await kubectl('get', 'macallocations', '-o', 'name')).toContain(`first-${major}`);
    });
  });

  test('an uninstall leaves nothing that could stand in the way of a pod', async () => {
    await helm(['uninstall', 'try', '--namespace', namespace, '--wait']);
    expect(await kubectl('get', 'mutatingwebhookconfigurations,validatingwebhookconfigurations', '-o', 'name')).toBe(
      '',
    );
    await kubectl('-n', namespace, 'delete', 'secret', 'rock-mac-ledger');
  });
});
