import { expect, test } from 'vitest';
import { versionSkew } from './server-versions.ts';

const client = { version: '1.2.0', schema: 24 };

test('equal versions, and what could not be read, need no warning', () => {
  expect(versionSkew(client, { notes: ['no answer'] })).toEqual([]);
  expect(versionSkew(client, { ledger: { schema: 24 }, operator: ['1.2.0'], webhook: ['1.2.0'], notes: [] })).toEqual(
    [],
  );
});

test('each other version gets a warning with the next step', () => {
  const server = { ledger: { schema: 25 }, operator: ['1.2.0', '1.1.0'], webhook: ['1.3.0'], notes: [] };
  expect(versionSkew(client, server)).toEqual([
    'The operator has version 1.1.0, this program 1.2.0. Update the older one.',
    'The webhook has version 1.3.0, this program 1.2.0. Update the older one.',
    'The ledger has schema 25, and this program was written for 24. Update this program.',
  ]);
  expect(versionSkew(client, { ledger: { schema: 23 }, notes: [] })).toEqual([
    'The ledger has schema 23, and this program was written for 24. Run `rock-mac migrate` with the login of its owner.',
  ]);
});
