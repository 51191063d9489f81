import { checkLedger, type Finding } from '../../ledger/check/check.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { type Anchor, type AnchorResult, compareAnchors, lastAnchor } from '../../ledger/seal/anchor.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import type { GivenAnchors } from './anchors.ts';
import { LONG_STATEMENT_MS, withLedger } from './open.ts';
import { sealOnTheSide } from './seal.ts';

export interface Checked {
  readonly findings: readonly Finding[];
  /** What became of the seals that the given anchors name. */
  readonly anchors: readonly AnchorResult[];
  /** The last seal, to keep outside the database. */
  readonly lastSeal?: Anchor | undefined;
}

/** Verifies the rules of the ledger and compares it with anchors. Seals the audit if nothing is wrong. */
export async function checkWithAnchors(options: GlobalOptions, given: readonly GivenAnchors[]): Promise<Checked> {
  return withLedger(
    options,
    async (ledger) => {
      const findings = await checkLedger(ledger);
      const anchors = await compare(ledger, given);
      const isFine = findings.length === 0 && anchors.every(({ outcome }) => outcome !== 'missing');
      // A seal over a change would have to be explained later.
      if (isFine) await sealOnTheSide(ledger);
      return { findings, anchors, lastSeal: await lastAnchor(ledger) };
    },
    { statementTimeoutMs: LONG_STATEMENT_MS },
  );
}

async function compare(ledger: LedgerClient, given: readonly GivenAnchors[]): Promise<AnchorResult[]> {
  if (given.length === 0) return [];
  const { ledgerId } = await ledgerState(ledger);
  const foreign = given.find((one) => one.ledgerId !== undefined && one.ledgerId !== ledgerId);
  if (foreign !== undefined) {
    throw new UserError(
      `The anchors belong to ledger ${String(foreign.ledgerId)}, and this is ledger ${ledgerId}.`,
      'Pass the anchors of this ledger. If it should be that one, its identity was changed.',
    );
  }
  return compareAnchors(
    ledger,
    given.flatMap(({ anchors }) => anchors),
  );
}
