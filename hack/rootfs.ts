import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { type DockerStage, parseCopy, parseDockerfile } from './dockerfile.ts';

const run = promisify(execFile);

/** The configuration of an image for its process. */
export interface ImageConfig {
  readonly workingDir: string;
  readonly env: Readonly<Record<string, string>>;
  /** `uid:gid`. */
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** The signal that stops the process. The default is SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
}

/** An image as a folder, and its configuration. */
export interface ImageFolder {
  readonly rootfs: string;
  readonly config: ImageConfig;
}

const words = z.array(z.string());

/**
 * Executes the Dockerfile without Docker into `folder/rootfs`: the same build context, RUN and COPY instructions. Two things
 * differ. The machine and the Node of this process replace the base image. And `npm ci` links the node_modules of the checkout.
 */
export async function buildRootfs(repository: string, folder: string): Promise<ImageFolder> {
  const stages = parseDockerfile(await readFile(path.join(repository, 'Dockerfile'), 'utf8'));
  const roots = new Map<string, string>();
  for (const [index, stage] of stages.entries()) {
    const last = index === stages.length - 1;
    const root = path.join(folder, last ? 'rootfs' : `stage-${stage.name ?? index}`);
    await mkdir(root, { recursive: true });
    await buildStage(stage, root, repository, roots);
    if (stage.name !== undefined) roots.set(stage.name, root);
  }
  const final = stages.at(-1);
  if (final === undefined) throw new Error('The Dockerfile has no stage.');
  return { rootfs: path.join(folder, 'rootfs'), config: configOf(final) };
}

async function buildStage(
  stage: DockerStage,
  root: string,
  repository: string,
  roots: ReadonlyMap<string, string>,
): Promise<void> {
  let workingDir = '/';
  for (const { keyword, text } of stage.instructions) {
    const here = path.join(root, workingDir);
    if (keyword === 'WORKDIR') {
      workingDir = path.posix.resolve(workingDir, text);
      await mkdir(path.join(root, workingDir), { recursive: true });
    } else if (keyword === 'COPY') {
      await copy(text, { root, workingDir, repository, roots });
    } else if (keyword === 'RUN' && text.startsWith('npm ci')) {
      await symlink(path.join(repository, 'node_modules'), path.join(here, 'node_modules'));
    } else if (keyword === 'RUN') {
      const env = { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
      await run('/bin/sh', ['-ec', text], { cwd: here, env });
    }
  }
}

interface CopyPlace {
  readonly root: string;
  readonly workingDir: string;
  readonly repository: string;
  readonly roots: ReadonlyMap<string, string>;
}

async function copy(text: string, { root, workingDir, repository, roots }: CopyPlace): Promise<void> {
  const { from, sources, target } = parseCopy(text);
  const to = path.join(root, path.posix.resolve(workingDir, target));
  if (from === undefined) {
    for (const file of await contextFiles(repository, sources)) {
      await cp(path.join(repository, file), path.join(to, file));
    }
    return;
  }
  const stage = roots.get(from);
  if (stage === undefined) throw new Error(`COPY --from=${from}: there is no earlier stage of this name.`);
  for (const source of sources) await cp(path.join(stage, source), to, { recursive: true });
}

/** Returns the files of the build context that the sources name: all files not ignored by Git or .dockerignore. */
async function contextFiles(repository: string, sources: readonly string[]): Promise<string[]> {
  const listed = await run('git', ['ls-files', '-co', '--exclude-standard', '--', ...sources], { cwd: repository });
  const ignored = (await readFile(path.join(repository, '.dockerignore'), 'utf8')).split('\n').filter(Boolean);
  const removed = await run('git', ['ls-files', '-d'], { cwd: repository });
  const gone = new Set(removed.stdout.split('\n'));
  return listed.stdout
    .split('\n')
    .filter((file) => file !== '' && !gone.has(file))
    .filter((file) => !ignored.some((name) => file === name || file.startsWith(`${name}/`)));
}

function configOf({ instructions }: DockerStage): ImageConfig {
  const all = (keyword: string) => instructions.filter((each) => each.keyword === keyword).map(({ text }) => text);
  const exec = (keyword: string) => words.parse(JSON.parse(all(keyword).at(-1) ?? '[]'));
  return {
    workingDir: all('WORKDIR').reduce((at, next) => path.posix.resolve(at, next), '/'),
    env: Object.fromEntries(
      all('ENV').map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]),
    ),
    user: all('USER').at(-1) ?? '0:0',
    entrypoint: exec('ENTRYPOINT'),
    command: exec('CMD'),
  };
}
