import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LEDGER_ERRORS } from '../ledger/error-codes.ts';
import { ADMISSION_OUTCOMES, ALLOCATION_OUTCOMES } from '../ledger/outcomes.ts';

const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');
const catalogue = [ALLOCATION_OUTCOMES, ADMISSION_OUTCOMES, LEDGER_ERRORS].flatMap((codes) => Object.keys(codes));

test('docs/errors.md has one heading for each code of the catalogue, and no other', () => {
  const headings = [...page.matchAll(/^### `(\w+)`$/gm)].map(([, code]) => code);
  expect(headings).toEqual(catalogue);
});

test('docs/errors.md has one table row for each code of the catalogue, and no other', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` /gm)].map(([, code]) => code);
  expect(rows).toEqual(catalogue);
});
