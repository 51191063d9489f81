import path from 'node:path';
import { expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { licenceTexts, packagesOf } from './licences.ts';

const repository = path.join(import.meta.dirname, '..');

test('the packages of a bundle are derived from its files, each once, and the innermost of nested packages', () => {
  const files = ['cli/main.ts', 'node_modules/pg/lib/a.js', 'node_modules/pg/lib/b.js', 'node_modules/@a/b/c.js'];
  expect(packagesOf([...files, 'node_modules/pg/node_modules/pg-types/x.js'])).toEqual([
    'node_modules/@a/b',
    'node_modules/pg',
    'node_modules/pg/node_modules/pg-types',
  ]);
});

test('each package comes with its version and the text of its licence', async () => {
  const text = await licenceTexts([path.join(repository, 'node_modules', 'commander')]);
  expect(text).toContain(`commander ${packageJson.devDependencies.commander} (MIT)`);
  expect(text).toContain('THE SOFTWARE IS PROVIDED');
});
