import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { READY_REASONS } from '../api/mac-allocation.ts';

const page = readFileSync(new URL('../docs/operations.md', import.meta.url), 'utf8');

const POOL_REASONS = [
  ...[
    'Defined',
    'Paused',
    'DefinitionConflict',
    'RangeOverlaps',
    'OutsidePrefix',
    'InvalidDefinition',
    'DeletionBlocked',
  ],
  ...['Open', 'LedgerUnavailable', 'Recovering', 'ReadOnly', 'NotDurable'],
  ...['TooMany', 'PassesMissing', 'StillHeld', 'Approved', 'Usual', 'NothingToRelease'],
];

test.each([...READY_REASONS, ...POOL_REASONS, 'AddressShared', 'Resolved', 'AddressConflict'])(
  'docs/operations.md says what to do about %s',
  (reason) => {
    expect(page).toContain(`\`${reason}\``);
  },
);
