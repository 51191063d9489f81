import { isUtf8 } from 'node:buffer';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
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

/** Reads files, folders with the files that `accepts` chooses, and standard input for `-`, in the order of their names. */
export async function readTexts(
  names: readonly string[],
  accepts: RegExp,
  stdin: NodeJS.ReadableStream,
): Promise<NamedText[]> {
  const texts: NamedText[] = [];
  for (const name of names) {
    if (name === '-') texts.push({ file: STDIN, text: textOf(STDIN, await buffer(stdin)) });
    else for (const file of await filesOf(name, accepts)) texts.push(await readText(file));
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
  const files = entries.filter((entry) => entry.isFile() && accepts.test(entry.name));
  if (files.length > 0) return files.map((entry) => path.join(entry.parentPath, entry.name)).sort();
  throw new UserError(`${name} has no file of this format.`, 'Name the files themselves, or another folder or format.');
}

async function readText(file: string): Promise<NamedText> {
  const content = await readFile(file).catch((error: unknown) => {
    throw cannotRead(file, error);
  });
  return { file, text: textOf(file, content) };
}

/** Returns the text of a file. Any other encoding would change names without a word. */
function textOf(file: string, content: Buffer): string {
  if (isUtf8(content)) return content.toString('utf8');
  throw new UserError(`${file} is no text in UTF-8.`, 'Convert it, for example with `iconv -f latin1 -t utf8`.');
}

function cannotRead(name: string, error: unknown): UserError {
  return new UserError(
    `${name} cannot be read (${systemReason(error)}).`,
    'Name a file or a folder that you may read.',
  );
}
