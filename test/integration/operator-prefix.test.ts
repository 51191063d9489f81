import { expect, test } from 'vitest';
import { parsePrefix } from '../../mac/mac-range.ts';
import { requirePrefix } from '../../operator/require-prefix.ts';
import { ledgerOfThisFile } from './ledger-fixture.ts';

const ledger = ledgerOfThisFile();

function prefix(text: string) {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`${text} is no prefix`);
  return parsed;
}

test('an operator works for a ledger under its own prefix only', async () => {
  const { db } = ledger.current;
  await requirePrefix(db, prefix('a4:58:0f'));
  await expect(requirePrefix(db, prefix('a6:58:0f'))).rejects.toThrow(
    /has the prefix a6:58:0f \(ROCK_MAC_PREFIX, .*\), its ledger a4:58:0f: set that/,
  );
});
