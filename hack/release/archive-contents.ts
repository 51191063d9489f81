import { chmod, copyFile, cp, mkdir, open, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { COMPLETION_SCRIPTS, type Shell, SHELLS } from '../../cli/completion/scripts.ts';
import { COMMAND_LINES } from '../bundle.ts';
import { unpackPackage } from './npm-package.ts';
import type { Platform } from './platforms.ts';
import { unknownLibraries } from './postgres-libraries.ts';
import { postgresLicences } from './postgres-licences.ts';
import { HEADER_OCTETS, type Machine, machinesOf } from './program-format.ts';
import { type Runtime, runtimesOf, runtimesText } from './runtimes.ts';

/** The unpacked packages of one platform. */
interface Parts {
  readonly node: string;
  readonly postgres: string;
}

/**
 * Downloads Node and Postgres for a platform. Checks that their programs run on its processor, and that the licence of every
 * library is known.
 */
export async function unpackParts({ os, node, postgres, machine }: Platform, folder: string): Promise<Parts> {
  const parts = {
    node: await unpackPackage(node, path.join(folder, 'node')),
    postgres: await unpackPackage(postgres, path.join(folder, 'postgres')),
  };
  await requireMachine(path.join(parts.node, 'bin', 'node'), machine);
  await requireMachine(path.join(parts.postgres, 'native', 'bin', 'postgres'), machine);
  const unknown = unknownLibraries(os, await readdir(path.join(parts.postgres, 'native', 'lib')));
  if (unknown.length > 0)
    throw new Error(`${postgres.name} has libraries without a known licence: ${unknown.join(', ')}.`);
  return parts;
}

async function requireMachine(program: string, machine: Machine): Promise<void> {
  const file = await open(program);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_OCTETS), 0, HEADER_OCTETS, 0);
    const found = machinesOf(buffer.subarray(0, bytesRead));
    if (!found.includes(machine))
      throw new Error(`${program} is for ${found.join(', ') || 'nothing'}, not ${machine}.`);
  } finally {
    await file.close();
  }
}

/** What both kinds of archives are made from. */
export interface Sources {
  readonly platform: Platform;
  readonly parts: Parts;
  /** The folder of the bundles, as in the package for npm. */
  readonly bundles: string;
  /** The licence of rock-mac. */
  readonly licence: string;
}

/** Where each shell looks for the completion of a program below a prefix. */
const COMPLETION_FILES: Readonly<Record<Shell, string>> = {
  bash: 'bash-completion/completions/rock-mac',
  zsh: 'zsh/site-functions/_rock-mac',
  fish: 'fish/vendor_completions.d/rock-mac.fish',
};

/**
 * Lays out everything that a machine needs: the command line under its three names, Node, Postgres for `rock-mac init`, manual
 * pages and completions. The folder has the form of a prefix such as /usr/local.
 */
export async function layOutFull(sources: Sources, folder: string): Promise<void> {
  const lib = path.join(folder, 'lib', 'rock-mac');
  await layOutPrograms(sources, lib, runtimesOf(sources.platform));
  await layOutPostgres(sources, path.join(lib, 'node_modules', sources.platform.postgres.name));
  await writeFile(path.join(lib, 'POSTGRES-LICENSES.txt'), await postgresLicences(sources.platform));
  await mkdir(path.join(folder, 'bin'));
  for (const name of COMMAND_LINES) await symlink(`../lib/rock-mac/${name}`, path.join(folder, 'bin', name));
  if ((await readdir(lib)).includes('man')) {
    await mkdir(path.join(folder, 'share', 'man'), { recursive: true });
    await rename(path.join(lib, 'man'), path.join(folder, 'share', 'man', 'man1'));
  }
  for (const shell of SHELLS) {
    const file = path.join(folder, 'share', COMPLETION_FILES[shell]);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, COMPLETION_SCRIPTS[shell]);
  }
}

/**
 * Lays out the kubectl plugin with its Node in one folder, without links: krew unpacks folders and regular files only
 * (internal/download/downloader.go of krew 0.4.3).
 */
export async function layOutPlugin(sources: Sources, folder: string): Promise<void> {
  await layOutPrograms(sources, folder, runtimesOf(sources.platform).slice(0, 1));
  for (const name of ['rock-mac', 'rock-mac.js', 'migrations', 'man'])
    await rm(path.join(folder, name), { recursive: true, force: true });
}

async function layOutPrograms(
  { parts, bundles, licence }: Sources,
  folder: string,
  runtimes: readonly Runtime[],
): Promise<void> {
  await cp(bundles, folder, { recursive: true });
  await copyFile(path.join(parts.node, 'bin', 'node'), path.join(folder, 'node'));
  await chmod(path.join(folder, 'node'), 0o755);
  await copyFile(licence, path.join(folder, 'LICENSE'));
  await copyFile(path.join(parts.node, 'LICENSE'), path.join(folder, 'NODE-LICENSE.txt'));
  await writeFile(path.join(folder, 'RUNTIMES.txt'), runtimesText(runtimes));
}

/** Only what `rock-mac init` uses. */
async function layOutPostgres({ parts }: Sources, folder: string): Promise<void> {
  for (const name of ['package.json', 'LICENSE.md', 'dist', 'native'])
    await cp(path.join(parts.postgres, name), path.join(folder, name), { recursive: true });
}
