import { isUtf8 } from 'node:buffer';
import { createReadStream, type Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemReason } from '../../api/system-reason.ts';
import { UserError } from '../errors.ts';

/** A text that the user named. */
export interface NamedText {
  /** As the user named it, for messages. */
  readonly file: string;
  readonly text: string;
}

/** The name of standard input in messages. */
const STDIN = 'standard input';

/** A file with a hundred thousand addresses has some ten megabytes. A larger one is a wrong one, and would need gigabytes of memory. */
export const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** Reads files, folders with the files that `accepts` chooses, and standard input for `-`, in the order of their names. */
export async function readTexts(
  names: readonly string[],
  accepts: RegExp,
  stdin: NodeJS.ReadableStream,
): Promise<NamedText[]> {
  const texts: NamedText[] = [];
  for (const name of names) {
    if (name === '-') texts.push(await readText(STDIN, stdin));
    else for (const file of await filesOf(name, accepts)) texts.push(await readText(file, createReadStream(file)));
  }
  return texts;
}

async function filesOf(name: string, accepts: RegExp): Promise<string[]> {
  const found = await stat(name).catch((error: unknown) => {
    throw cannotRead(name, error);
  });
  if (!found.isDirectory()) return [name];
  const entries = await readdir(name, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw cannotRead(name, error);
  });
  const files = await withoutRepetition(entries.filter((entry) => accepts.test(entry.name)));
  if (files.length > 0) return files.sort();
  throw new UserError(`${name} has no file of this format.`, 'Name the files themselves, or another folder or format.');
}

/** Returns the paths of files. A link to a file counts, because its addresses are in use too, but not one to a file that is there as well. */
async function withoutRepetition(entries: readonly Dirent[]): Promise<string[]> {
  const pathOf = (entry: Dirent) => path.join(entry.parentPath, entry.name);
  const links = entries.filter((entry) => entry.isSymbolicLink()).map(pathOf);
  const byTarget = new Map<string, string>();
  for (const link of links) {
    const isFile = await stat(link).then(
      (target) => target.isFile(),
      () => false,
    );
    if (isFile) byTarget.set(await realpath(link), link);
  }
  for (const entry of entries) if (entry.isFile()) byTarget.set(await realpath(pathOf(entry)), pathOf(entry));
  return [...byTarget.values()];
}

async function readText(file: string, stream: NodeJS.ReadableStream): Promise<NamedText> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      const part = Buffer.from(chunk);
      bytes += part.length;
      // Here and not by its size before, because standard input and devices have none.
      if (bytes > MAX_FILE_BYTES) throw tooLarge(file);
      chunks.push(part);
    }
  } catch (error) {
    throw error instanceof UserError ? error : cannotRead(file, error);
  }
  return { file, text: textOf(file, Buffer.concat(chunks)) };
}

/** Returns the text of a file. Any other encoding would change names without a word. */
function textOf(file: string, content: Buffer): string {
  // What looks like UTF-8 with a zero byte after each letter is UTF-16 without its mark.
  const isUtf16 = content.includes(0) || /^(?:\xff\xfe|\xfe\xff)/.test(content.toString('latin1', 0, 2));
  if (isUtf8(content) && !isUtf16) return content.toString('utf8');
  throw new UserError(
    `${file} is no text in UTF-8.`,
    `Convert it, for example with \`iconv -f ${isUtf16 ? 'utf-16' : 'latin1'} -t utf8\`.`,
  );
}

function tooLarge(file: string): UserError {
  const mebibytes = String(MAX_FILE_BYTES / 1024 ** 2);
  return new UserError(`${file} has more than ${mebibytes} MiB.`, 'Is it the right file? Otherwise split it.');
}

function cannotRead(name: string, error: unknown): UserError {
  return new UserError(
    `${name} cannot be read (${systemReason(error)}).`,
    'Name a file or a folder that you may read.',
  );
}
