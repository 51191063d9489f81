import { cp, mkdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ImageFolder } from '../../../hack/rootfs.ts';
import { expand, podEnvironment, type PodEnvironmentOptions } from './pod-environment.ts';
import type { Child } from '../run/child-process.ts';
import type { Run } from '../run/run.ts';
import { sandboxed, sandboxPath, type Mount } from './sandbox.ts';
import type { Container, StoredPod } from './stored-pod.ts';

export interface ContainerOptions extends PodEnvironmentOptions {
  readonly run: Run;
  readonly pod: StoredPod;
  readonly image: ImageFolder;
  /** The lines of /etc/hosts, which replaces the cluster DNS. */
  readonly hosts: string;
  /** The folders of the pod's volumes. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Overrides the container's own variables. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts one container of a pod: the image's process with the pod's arguments, variables, files and user. */
export async function startContainer(container: Container, options: ContainerOptions): Promise<Child> {
  const { run, pod, image, volumes } = options;
  const { config, rootfs } = image;
  const name = `${pod.metadata.name}-${container.name}`;
  const own = await podEnvironment(container, options);
  const root = path.join(await run.makeFolder(`root-${name}`), 'root');
  await mkdir(root);
  await makeEtc(root, rootfs, options.hosts);
  const code = { source: path.join(rootfs, config.workingDir), target: config.workingDir, readOnly: true };
  const { command, args } = await sandboxed({
    root,
    mounts: [code, ...mountsOf(container, volumes)],
    user: userOf(container, pod) ?? config.user,
    workingDir: container.workingDir ?? config.workingDir,
    command: wordsOf(container, image).map((word) => expand(word, own)),
  });
  const env = { ...config.env, ...own, ...options.env, PATH: sandboxPath, HOME: '/' };
  return await run.spawn({ name, command, args, env });
}

async function makeEtc(root: string, rootfs: string, hosts: string): Promise<void> {
  const [own, ofImage] = [path.join(root, 'etc'), path.join(rootfs, 'etc')];
  await mkdir(own);
  if (existsSync(ofImage)) await cp(ofImage, own, { recursive: true });
  await writeFile(path.join(own, 'hosts'), `127.0.0.1 localhost\n${hosts}`);
}

/** A command replaces the image's entry point, and its default arguments with it. */
function wordsOf({ command, args }: Container, { config }: ImageFolder): readonly string[] {
  if (command !== undefined) return [...command, ...(args ?? [])];
  return [...config.entrypoint, ...(args ?? config.command)];
}

function mountsOf({ volumeMounts }: Container, volumes: ReadonlyMap<string, string>): Mount[] {
  return volumeMounts.map(({ name, mountPath, subPath, readOnly }) => {
    const volume = volumes.get(name);
    if (volume === undefined) throw new Error(`The pod has no volume ${name}.`);
    return { source: path.join(volume, subPath), target: mountPath, readOnly };
  });
}

function userOf({ securityContext }: Container, { spec }: StoredPod): string | undefined {
  const uid = securityContext?.runAsUser ?? spec.securityContext?.runAsUser;
  if (uid === 0) throw new Error('container has runAsNonRoot and image will run as root');
  return uid === undefined ? undefined : `${uid}:${uid}`;
}
