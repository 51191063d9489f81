import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { nativeFolder } from '../../test/env/postgres/postgres-binaries.ts';
import { PLATFORMS, thisPlatform } from './platforms.ts';
import { librariesOf, unknownLibraries } from './postgres-libraries.ts';
import { postgresLicences } from './postgres-licences.ts';

describe.each(PLATFORMS.map((platform) => [`${platform.os} ${platform.arch}`, platform] as const))(
  'the licences beside Postgres for %s',
  (_, platform) => {
    test('have the text of the PostgreSQL licence, with its copyright', async () => {
      const text = await postgresLicences(platform);
      expect(text).toMatch(/Portions Copyright \(c\) 1996-\d{4}, PostgreSQL Global Development Group/);
      expect(text).toContain('PROVIDE MAINTENANCE, SUPPORT, UPDATES, ENHANCEMENTS, OR MODIFICATIONS.');
    });

    test('name every library with its licence and the place of its source code', async () => {
      const text = await postgresLicences(platform);
      for (const { name, licence, source } of librariesOf(platform))
        expect(text).toMatch(new RegExp(`^${name} .*\\(${licence}\\), ${source}$`, 'm'));
    });
  },
);

test('a library that nobody has looked at is found', () => {
  const files = ['libpq.so.5.18', 'libssl.so.1.1', 'postgresql', 'libkrb5.so.3', 'libzstd.so.1'];
  expect(unknownLibraries('linux', files)).toEqual(['libkrb5.so.3', 'libzstd.so.1']);
});

test('every library of the Postgres on this machine is known, and no more', () => {
  const platform = thisPlatform();
  const files = readdirSync(path.join(nativeFolder(), 'lib'));
  expect(unknownLibraries(platform.os, files)).toEqual([]);
  for (const { name, files: beginnings } of librariesOf(platform))
    for (const beginning of beginnings)
      expect(
        files.some((file) => file.startsWith(beginning)),
        `${name}: ${beginning}`,
      ).toBe(true);
});

test('every licence text is used', () => {
  const used = new Set(PLATFORMS.flatMap((platform) => librariesOf(platform).map(({ text }) => `${text}.txt`)));
  const texts = readdirSync(path.join(import.meta.dirname, 'licences'));
  expect(texts.sort()).toEqual([...used, 'postgresql.txt'].sort());
});
