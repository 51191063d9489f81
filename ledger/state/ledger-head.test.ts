import { describe, expect, test } from 'vitest';
import { type LedgerHead, ledgerHeadOf, ledgerHeadSchema, lossOf } from './ledger-head.ts';
import type { LedgerState } from './state.ts';

const LEDGER = 'b7a8f4f6-3a0c-4a51-9f04-6a4a1e0f7c11';

function aState(changes: Partial<LedgerState> = {}): LedgerState {
  return {
    ledgerId: LEDGER,
    epoch: 3,
    mode: 'open',
    durability: 'single',
    missingClusters: [],
    needsApproval: false,
    auditHead: 5_000,
    began: { auditHead: 4_000, coveredLosses: 1_024 },
    replicationGap: 1_024,
    ...changes,
  };
}

const failedOver = { why: 'timeline_changed', message: '' } as const;
const head = (epoch: number, auditHead: number): LedgerHead => ({ ledgerId: LEDGER, epoch, auditHead });

describe('a ledger', () => {
  test.each<[string, Partial<LedgerState>, LedgerHead]>([
    ['that is as remembered', {}, head(3, 5_000)],
    ['that has gone on', {}, head(3, 4_500)],
    ['that failed over and lost nothing', { closed: failedOver }, head(3, 5_000)],
    ['that is another one', {}, { ...head(9, 9_999), ledgerId: '00000000-0000-4000-8000-000000000000' }],
    ['whose standby is behind', { closed: { why: 'read_only', message: '' } }, head(3, 9_999)],
    ['that recovered from the loss of a tail', {}, head(2, 5_024)],
    ['that recovered long ago', {}, head(1, 3_000)],
    ['that an admin has approved', { began: { auditHead: 4_000 } }, head(2, 9_999)],
  ])('%s lost nothing that a recovery did not cover', (_, state, remembered) => {
    expect(lossOf(aState(state), remembered)).toBeUndefined();
  });

  test.each<[string, Partial<LedgerState>, LedgerHead, boolean]>([
    ['failed over and lost a tail: it recovers by itself', { closed: failedOver }, head(3, 5_001), false],
    ['failed over and lost all that may be made up for', { closed: failedOver }, head(3, 6_024), false],
    ['failed over and lost more', { closed: failedOver }, head(3, 6_025), true],
    ['was put back file by file, however little is gone', {}, head(3, 5_001), true],
    ['was moved and lost something', { closed: { why: 'system_changed', message: '' } }, head(3, 5_001), true],
    ['is older than a recovery', { closed: failedOver }, head(4, 1), true],
    ['recovered, and nobody knew that more was gone', {}, head(2, 5_025), true],
    [
      'failed over under quorum, which made up for nothing',
      { began: { auditHead: 4_000, coveredLosses: 0 } },
      head(2, 4_001),
      true,
    ],
  ])('%s', (_, state, remembered, needsApproval) => {
    expect(lossOf(aState(state), remembered)).toEqual({ needsApproval });
  });

  test('has a head that survives JSON', () => {
    const state = aState();
    const written = JSON.stringify(ledgerHeadOf(state));
    expect(lossOf(state, ledgerHeadSchema.parse(JSON.parse(written)))).toBeUndefined();
    expect(() => ledgerHeadSchema.parse({ epoch: 1 })).toThrow();
    expect(() => ledgerHeadSchema.parse({ ...ledgerHeadOf(state), epoch: Number.MAX_SAFE_INTEGER })).toThrow();
  });
});
