import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { READY_REASONS } from '../api/mac-allocation.ts';
import { EXPIRY_HELD } from '../ledger/state/clock.ts';
import { CLOSED } from '../ledger/state/state.ts';
import { closedReason } from './ledger-state/keep-ledger-open.ts';
import { AUTO_RELEASE_REASONS } from './pool/release-guard.ts';

const page = readFileSync(new URL('../docs/operations.md', import.meta.url), 'utf8');

/** Reasons of conditions and Events that the source code contains as literals. Reasons in the audit log are sentences. */
const literals = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .flatMap((name) => [
    ...readFileSync(new URL(name, import.meta.url), 'utf8').matchAll(
      /(?:reason: |refused\(\s*|record\(first, )'(?<reason>[A-Z][A-Za-z]+)'/g,
    ),
  ])
  .map(({ groups }) => groups?.['reason']);

const reasons = new Set([
  ...literals,
  ...READY_REASONS,
  ...AUTO_RELEASE_REASONS,
  ...[...CLOSED, ...EXPIRY_HELD].map(closedReason),
]);

test('the search finds reasons in the code', () => {
  expect([...reasons]).toEqual(expect.arrayContaining(['DefinitionConflict', 'InUse', 'AddressConflict', 'ReadOnly']));
});

test.each([...reasons])('docs/operations.md explains %s', (reason) => {
  expect(page).toContain(`\`${String(reason)}\``);
});
