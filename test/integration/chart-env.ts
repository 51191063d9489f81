import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { buildRootfs, type ImageFolder } from '../../hack/rootfs.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { MACHINE_ADDRESS } from '../env/node/addresses.ts';
import { writeImageArchive } from '../env/node/image-archive.ts';
import type { Nodes } from '../env/node/nodes.ts';
import type { NodePrograms } from '../env/programs/node-programs.ts';

export const repository = path.join(import.meta.dirname, '..', '..');

/** A pod of the chart, as the kubelet reports it. */
export interface ChartPod {
  readonly name: string;
  readonly uid: string;
  readonly image: string;
  readonly ready: boolean;
  /** Returns the end of the logs of its containers. */
  log(): Promise<string>;
}

/** A test environment with a real node that has the image of the Dockerfile. */
export interface ChartEnv {
  readonly testEnv: TestEnv;
  readonly nodes: Nodes;
  readonly image: ImageFolder;
  /** Returns the pods of the chart's namespace that are not being deleted. */
  readonly pods: () => Promise<ChartPod[]>;
  close(): Promise<void>;
}

export interface ChartEnvOptions {
  /** One more image under another reference, such as `rock-mac:next`. `build` creates it below a folder. */
  readonly extraImage?: {
    readonly reference: string;
    readonly build: (folder: string, rockMac: ImageFolder, programs: NodePrograms) => Promise<ImageFolder>;
  };
}

export async function raiseChartEnv(namespace: string, { extraImage }: ChartEnvOptions = {}): Promise<ChartEnv> {
  const imageHome = await mkdtemp(path.join(tmpdir(), 'rock-mac-image-'));
  const [testEnv, image] = await Promise.all([
    startTestEnv({ nodes: 1, postgres: { fsync: false } }),
    buildRootfs(repository, imageHome),
  ]);
  const { nodes } = testEnv;
  if (nodes === undefined) throw new Error('this test environment has no nodes');
  const extra = await extraImage?.build(imageHome, image, nodes.programs);
  await provideImage(`rock-mac:${packageJson.version}`, image, nodes);
  if (extraImage !== undefined && extra !== undefined) await provideImage(extraImage.reference, extra, nodes);
  await nodes.first.untilReady();
  return {
    testEnv,
    nodes,
    image,
    pods: () => podsOf(testEnv, namespace),
    close: async () => {
      await testEnv.close();
      await rm(imageHome, { recursive: true, force: true });
    },
  };
}

/** Returns the URL under which pods reach a database of the machine. */
export function urlForPods(url: string): string {
  const changed = new URL(url);
  changed.hostname = MACHINE_ADDRESS;
  changed.searchParams.set('sslmode', 'disable');
  return changed.href;
}

/** Imports the image where the kubelet finds it without a registry. */
export async function provideImage(reference: string, image: ImageFolder, { all }: Nodes): Promise<void> {
  const archive = `${image.rootfs}.tar`;
  const name = reference.includes('/') ? reference : `docker.io/library/${reference}`;
  await writeImageArchive(archive, name, image);
  await Promise.all(all.map((node) => node.importImages(archive)));
  await rm(archive);
}

const container = z.object({ name: z.string(), image: z.string() });

const storedPods = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), uid: z.string(), deletionTimestamp: z.string().optional() }),
      spec: z.object({ initContainers: z.array(container).default([]), containers: z.array(container) }),
      status: z.object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]) }),
    }),
  ),
});

async function podsOf({ controlPlane: { kubectl } }: TestEnv, namespace: string): Promise<ChartPod[]> {
  const { items } = storedPods.parse(JSON.parse(await kubectl(['get', 'pods', '-n', namespace, '-o', 'json'])));
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata: { name, uid }, spec, status }) => ({
      name,
      uid,
      image: spec.containers[0]?.image ?? 'none',
      ready: status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
      log: async () => {
        const logs = [...spec.initContainers, ...spec.containers].map((each) =>
          // A container that has not started has no log.
          kubectl(['logs', '-n', namespace, name, '-c', each.name, '--tail=20']).catch(() => ''),
        );
        return (await Promise.all(logs)).join('\n');
      },
    }));
}
