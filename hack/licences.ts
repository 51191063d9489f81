import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** Returns the folders of the packages that these bundled files belong to. */
export function packagesOf(files: readonly string[]): string[] {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

const manifestSchema = z.object({ name: z.string(), version: z.string(), license: z.string() });

/** Returns the names, versions and licence texts of packages, which must be distributed together with their code. */
export async function licenceTexts(folders: readonly string[]): Promise<string> {
  const sections = await Promise.all(folders.map(licenceText));
  return ['The programs in this folder contain code of these packages, under these licences.', ...sections].join(
    '\n\n',
  );
}

/** Returns the name, the version and the licence of the package in a folder. */
export async function packageIn(folder: string): Promise<z.infer<typeof manifestSchema>> {
  return manifestSchema.parse(JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')));
}

async function licenceText(folder: string): Promise<string> {
  const { name, version, license } = await packageIn(folder);
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice|copying)\b/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8')));
  const head = `${'-'.repeat(80)}\n${name} ${version} (${license})`;
  return [head, ...texts.map((text) => text.trim())].join('\n\n');
}
