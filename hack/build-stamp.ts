import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** What a build was made from. It is stored beside the result, so the next build can skip unchanged files. */
const stampSchema = z.object({ files: z.array(z.string()), outputs: z.array(z.string()), hash: z.string() });

export type BuildStamp = z.infer<typeof stampSchema>;

/** Returns a hash over the names and contents of files below `root`. A missing file counts as a change. */
export async function hashOf(root: string, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [...files].sort()) {
    const content = await readFile(path.join(root, file)).catch(() => undefined);
    hash.update(`${file}\0${content === undefined ? 'missing' : String(content.length)}\0`);
    if (content !== undefined) hash.update(content);
  }
  return hash.digest('hex');
}

/** Returns whether the build that this stamp describes still has all its outputs, from unchanged files. */
export async function isUpToDate(
  root: string,
  stampText: string | undefined,
  otherFiles: readonly string[],
): Promise<boolean> {
  if (stampText === undefined) return false;
  const stamp = stampSchema.parse(JSON.parse(stampText));
  const files = new Set(stamp.files);
  // A new migration is imported by nothing, so only its name shows that it exists.
  if (otherFiles.some((file) => !files.has(file))) return false;
  for (const output of stamp.outputs) {
    const found = await stat(path.join(root, output)).catch(() => undefined);
    if (found === undefined) return false;
  }
  return (await hashOf(root, stamp.files)) === stamp.hash;
}
