import { chown, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

/** As whom Postgres runs; undefined is as ourselves. */
export type ServerUser = { readonly uid: number; readonly gid: number } | undefined;

/** Accounts that a system has anyway, the better one first: Postgres refuses root, and we make no account. */
const ACCOUNTS = ['postgres', 'nobody'];

/** Ourselves, or where that is root, an account with fewer rights. */
export async function serverUser(): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const account of ACCOUNTS) {
    const [, , uid, gid] = lines.find(([name]) => name === account) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(`Postgres does not run as root, and there is none of the accounts ${ACCOUNTS.join(', ')}`);
}

export async function giveTo(user: ServerUser, ...files: readonly string[]): Promise<void> {
  if (user === undefined) return;
  for (const file of files) await chown(file, user.uid, user.gid);
}

/** Whether other users may enter every folder on the way to `target`, which need not be there yet. */
export async function openToOthers(target: string): Promise<boolean> {
  const enterByOthers = 0o001;
  for (let folder = path.resolve(target); ; folder = path.dirname(folder)) {
    const found = await stat(folder).catch(() => undefined);
    if (found !== undefined && (found.mode & enterByOthers) === 0) return false;
    if (folder === path.dirname(folder)) return true;
  }
}
