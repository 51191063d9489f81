import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open } from 'node:fs/promises';
import { UserError } from '../../errors.ts';
import type { ServerUser } from './server-user.ts';

/*
 * The folder of the socket may be in the folder for temporary files, where every user of the machine can put something of its
 * name first: a link, to get another folder as a present, or a folder with a server of their own.
 */

/** Creates the folder for the user that runs Postgres. Uses an existing one only if it belongs to this or to that user. */
export async function makeSocketFolder(folder: string, user: ServerUser): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  const handle = await openFolder(folder);
  try {
    const { uid } = await handle.stat();
    if (!ownersOf(user).includes(uid)) throw foreign(folder);
    // By the open file, so that nothing can take the place of the folder before the owner changes.
    await handle.chmod(0o700);
    if (user !== undefined) await handle.chown(user.uid, user.gid);
  } finally {
    await handle.close();
  }
}

/** Throws a UserError if the folder exists and is not one that `makeSocketFolder` made. Called before each connection. */
export async function requireOwnSocketFolder(folder: string, user: ServerUser): Promise<void> {
  const found = await lstat(folder).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (found !== undefined && !(found.isDirectory() && ownersOf(user).includes(found.uid))) throw foreign(folder);
}

async function openFolder(folder: string): Promise<FileHandle> {
  try {
    return await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ELOOP', 'ENOTDIR', 'EACCES')) throw foreign(folder);
    throw error;
  }
}

function ownersOf(user: ServerUser): readonly (number | undefined)[] {
  return [process.getuid?.(), user?.uid];
}

function foreign(folder: string): UserError {
  return new UserError(
    `${folder} is to hold the socket of the embedded ledger, but it is a link, or it belongs to another user.`,
    'Find out who created it, and remove it. Nothing was changed.',
    'forbidden',
  );
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
