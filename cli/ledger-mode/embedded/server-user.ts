import { lchown, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

/** The user that runs Postgres; `undefined` means the current user. */
export type ServerUser = { readonly uid: number; readonly gid: number } | undefined;

/** Accounts that most systems have, the preferred one first. Postgres refuses to run as root. */
const ACCOUNTS = ['postgres', 'nobody'];

/** Returns the current user, or for root an account with fewer rights. */
export async function serverUser(): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const account of ACCOUNTS) {
    const [, , uid, gid] = lines.find(([name]) => name === account) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(`Postgres does not run as root, and this system has none of the accounts ${ACCOUNTS.join(', ')}`);
}

/** Changes the owner of files to the user that runs Postgres. Follows no link. */
export async function changeOwner(user: ServerUser, ...files: readonly string[]): Promise<void> {
  if (user === undefined) return;
  for (const file of files) await lchown(file, user.uid, user.gid);
}

/** Returns whether other users may enter every folder on the path to `target`, which may not exist yet. */
export async function isAccessibleToOthers(target: string): Promise<boolean> {
  const othersMayEnter = 0o001;
  for (let folder = path.resolve(target); ; folder = path.dirname(folder)) {
    const found = await stat(folder).catch(() => undefined);
    if (found !== undefined && (found.mode & othersMayEnter) === 0) return false;
    if (folder === path.dirname(folder)) return true;
  }
}
