import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { UserError } from '../errors.ts';

/** A file of the page. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly compressed: Buffer;
}

/** The files of the page by their paths. */
export type Assets = ReadonlyMap<string, Asset>;

/** The files that the build writes (hack/bundle.ts), and where they are served. */
const FILES: Readonly<Record<string, { readonly path: string; readonly type: string }>> = {
  'index.html': { path: '/', type: 'text/html; charset=utf-8' },
  'main.js': { path: '/main.js', type: 'text/javascript; charset=utf-8' },
  'style.css': { path: '/style.css', type: 'text/css; charset=utf-8' },
  'icon.svg': { path: '/icon.svg', type: 'image/svg+xml' },
};

/** The build puts the page beside the bundled programs. */
const BUILT = new URL('./console/', import.meta.url);

/** Reads the page. Throws a UserError if it was not built. */
export async function readAssets(folder: URL = BUILT): Promise<Assets> {
  const compress = promisify(gzip);
  const assets = new Map<string, Asset>();
  for (const [name, { path, type }] of Object.entries(FILES)) {
    const body = await readFile(new URL(name, folder)).catch(() => undefined);
    if (body === undefined) {
      throw new UserError(
        'This program has no dashboard, because it runs from its sources.',
        'Run `make build`, then build/rock-mac.',
      );
    }
    assets.set(path, { type, body, compressed: await compress(body, { level: 9 }) });
  }
  return assets;
}
