import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { bundleConsole } from './bundle.ts';

test('the page of the console has less than 100 kB compressed, and docs/console.md names its size', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-console-size-'));
  await bundleConsole(folder);
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(path.join(folder, name))));
  await rm(folder, { recursive: true });
  const kilobytes = files.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0) / 1_000;
  expect(kilobytes).toBeLessThan(100);
  const page = await readFile(path.join(import.meta.dirname, '../docs/console.md'), 'utf8');
  const [, named] = /(\d+) kB compressed/.exec(page) ?? [];
  expect(Math.abs(Number(named) - kilobytes)).toBeLessThan(2);
});

test('the page has no inline script or style, and names no other host', async () => {
  const html = await readFile(path.join(import.meta.dirname, '../console/index.html'), 'utf8');
  expect(html).not.toMatch(/<style|style=|<script(?![^>]*src=)|https?:/);
});
