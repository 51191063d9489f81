import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Platform } from './platforms.ts';
import { librariesOf } from './postgres-libraries.ts';
import { runtimesOf } from './runtimes.ts';

const TEXTS = path.join(import.meta.dirname, 'licences');

/**
 * Returns the licence texts of Postgres and of the libraries beside it. The npm package that they come from has only the licence
 * of its own scripts. A text that several libraries share stands once.
 */
export async function postgresLicences(platform: Platform): Promise<string> {
  const [, postgres] = runtimesOf(platform);
  const parts = [{ ...postgres, text: 'postgresql', source: postgres.licenceUrl }, ...librariesOf(platform)];
  const heads = new Map<string, string[]>();
  for (const { name, version, licence, source, text } of parts) {
    const head = [name, version, `(${licence}),`, source].filter((word) => word !== undefined).join(' ');
    heads.set(text, [...(heads.get(text) ?? []), head]);
  }
  const sections = [...heads].map(async ([text, names]) => {
    const licence = await readFile(path.join(TEXTS, `${text}.txt`), 'utf8');
    return `${'-'.repeat(80)}\n${names.join('\n')}\n\n${licence.trimEnd()}\n`;
  });
  return ['Postgres and the libraries that it loads, under these licences.\n', ...(await Promise.all(sections))].join(
    '\n',
  );
}
