import { randomUUID } from 'node:crypto';
import { chmod, chown, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemReason } from '../../api/system-reason.ts';
import { UserError } from '../errors.ts';

/**
 * Writes a file if its content would change, and returns whether it did. A reader sees the whole file of before or of after, also
 * when the machine loses its power. Mode, owner and a symbolic link stay.
 */
export async function writeIfChanged(file: string, text: string): Promise<boolean> {
  const target = await realpath(file).catch(() => file);
  const before = await stat(target).catch(() => undefined);
  if (before?.isFile() === false) {
    throw new UserError(`${file} is not a file, so it cannot be replaced.`, 'Name a file, or redirect the output.');
  }
  if (before !== undefined && (await readFile(target, 'utf8')) === text) return false;
  // In the same folder, because only there a rename is one step. dnsmasq and dhcpd skip files that begin with a dot. Processes in two
  // containers that share the folder may have the same id.
  const unfinished = path.join(path.dirname(target), `.${path.basename(target)}.${randomUUID()}.unfinished`);
  try {
    await writeAndSync(unfinished, text);
    if (before !== undefined) {
      await chown(unfinished, before.uid, before.gid);
      await chmod(unfinished, before.mode & 0o7777);
    }
    await rename(unfinished, target);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw new UserError(
      `${file} cannot be written (${systemReason(error)}).`,
      'Check that its folder exists, that you may write to it, and that it has space.',
    );
  }
  await syncFolder(path.dirname(target));
  return true;
}

async function writeAndSync(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx', 0o644);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the rename durable, where the folder may be read and the file system can do it. The file is in its place all the same. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
