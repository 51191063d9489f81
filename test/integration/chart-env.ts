import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildRootfs, type ImageFolder } from '../../hack/rootfs.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { startKubelet, type Kubelet } from '../env/node/kubelet.ts';

export const repository = path.join(import.meta.dirname, '..', '..');

/** A test environment that runs the chart's pods from a folder with the content of the image. */
export interface ChartEnv {
  readonly testEnv: TestEnv;
  readonly image: ImageFolder;
  readonly kubelet: Kubelet;
  close(): Promise<void>;
}

export interface ChartEnvOptions {
  /** One more image, for references whose name begins with `name`. `build` creates it below a folder. */
  readonly extraImage?: {
    readonly name: string;
    readonly build: (folder: string, rockMac: ImageFolder) => Promise<ImageFolder>;
  };
}

export async function raiseChartEnv(namespace: string, { extraImage }: ChartEnvOptions = {}): Promise<ChartEnv> {
  const imageHome = await mkdtemp(path.join(tmpdir(), 'rock-mac-image-'));
  const [testEnv, image] = await Promise.all([
    startTestEnv({ postgres: { fsync: false } }),
    buildRootfs(repository, imageHome),
  ]);
  const extra = await extraImage?.build(imageHome, image);
  const { run, controlPlane } = testEnv;
  // The registry of a reference is ignored.
  const imageOf = (reference: string) => {
    const name = reference.slice(reference.lastIndexOf('/') + 1);
    if (extraImage !== undefined && name.startsWith(extraImage.name)) return extra;
    return name.startsWith('rock-mac:') ? image : undefined;
  };
  const kubelet = await startKubelet({ run, controlPlane, namespace, imageOf });
  return {
    testEnv,
    image,
    kubelet,
    close: async () => {
      await kubelet.close();
      await testEnv.close();
      await rm(imageHome, { recursive: true, force: true });
    },
  };
}
