import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { systemReason } from './system-reason.ts';

test('an error of the operating system is explained without its code', async () => {
  const missing = await readFile('/nowhere').catch((error: unknown) => error);
  expect(systemReason(missing)).toBe('there is no such file');
  const folder = await readFile('/').catch((error: unknown) => error);
  expect(systemReason(folder)).toBe('it is a folder');
});

test('any other error keeps its message', () => {
  expect(systemReason(new Error('it is broken'))).toBe('it is broken');
  expect(systemReason(Object.assign(new Error('odd'), { code: 'EODD' }))).toBe('odd');
  expect(systemReason('text')).toBe('text');
});
