import { z } from 'zod';
import type { Queryable } from '../connection/statement.ts';

/**
 * The identity of a seal, kept outside the database. A ledger whose seals were all rewritten does not contain it any more.
 */
export const anchorSchema = z.object({
  epoch: z.int().min(1),
  seq: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** The id of the last audit row that the seals up to it had reached. */
  reached: z.int().min(0).optional(),
});

export type Anchor = z.infer<typeof anchorSchema>;

/** The last anchor of each epoch, oldest first, of one ledger. */
export const anchorsSchema = z.object({ ledgerId: z.guid(), anchors: z.array(anchorSchema).max(64) });

export type Anchors = z.infer<typeof anchorsSchema>;

/** What became of the seal that an anchor names. */
export interface AnchorResult {
  readonly anchor: Anchor;
  /** `lost`: a recovery says that the ledger lost it. `missing`: nothing explains that it is not there. */
  readonly outcome: 'present' | 'lost' | 'missing';
  /** A sentence for people. */
  readonly message: string;
}

const anchorRow = z.object({
  seq: z.int(),
  epoch: z.int(),
  hash: z.string(),
  reached: z.int(),
});

/** Returns the last seal as an anchor; `undefined` if there is none. */
export async function lastAnchor(db: Queryable): Promise<Anchor | undefined> {
  const [row] = await db.query({
    text: `select seq, epoch, encode(hash, 'hex') as hash, reached from rock_mac.audit_seals order by seq desc limit 1`,
    values: [],
    row: anchorRow,
  });
  return row;
}

const foundRow = z.object({
  hash: z.string().nullable(),
  fork: z.object({ seq: z.int(), reached: z.int(), covered: z.int().nullable(), at: z.string() }).nullable(),
});

export type Found = z.infer<typeof foundRow>;

/** Compares anchors with the seals of the ledger, and returns one result for each, in order. */
export async function compareAnchors(db: Queryable, anchors: readonly Anchor[]): Promise<AnchorResult[]> {
  const found = await db.query({
    text: `select encode(s.hash, 'hex') as hash,
             (select jsonb_build_object('seq', f.seq, 'reached', f.reached, 'covered', f.covered_losses, 'at', f.sealed_at)
              from rock_mac.audit_seals f where f.is_fork and f.epoch > a.epoch order by f.seq limit 1) as fork
           from unnest($1::bigint[], $2::bigint[]) with ordinality as a(seq, epoch, n) left join rock_mac.audit_seals s on s.seq = a.seq
           order by a.n`,
    values: [anchors.map(({ seq }) => seq), anchors.map(({ epoch }) => epoch)],
    row: foundRow,
  });
  return anchors.map((anchor, index) => evaluateAnchor(anchor, found[index] ?? { hash: null, fork: null }));
}

/**
 * Evaluates an anchor by the seal of its number and by the next recovery. A failover explains seals that are missing at the
 * end of an epoch, but no more audit rows than the recovery covered.
 */
export function evaluateAnchor(anchor: Anchor, { hash, fork }: Found): AnchorResult {
  const name = `Seal ${String(anchor.seq)} of epoch ${String(anchor.epoch)}`;
  if (hash === anchor.hash) return { anchor, outcome: 'present', message: `${name} is in the ledger.` };
  if (fork === null || fork.seq > anchor.seq) {
    const how = hash === null ? 'is not in the ledger' : 'has another hash in the ledger';
    const message = `${name} ${how}, and no recovery explains it: seals were removed or rewritten.`;
    return { anchor, outcome: 'missing', message };
  }
  const seals = anchor.seq - fork.seq + 1;
  const rows = anchor.reached === undefined ? undefined : Math.max(0, anchor.reached - fork.reached);
  const lost = `${String(seals)} seal(s)${rows === undefined ? '' : ` with up to ${String(rows)} audit row(s)`}`;
  if (rows !== undefined && fork.covered !== null && rows > fork.covered) {
    const message = `${name} and ${lost} are not in the ledger, which is more than the recovery of ${fork.at} covers (${String(fork.covered)} rows).`;
    return { anchor, outcome: 'missing', message };
  }
  return {
    anchor,
    outcome: 'lost',
    message: `The recovery of ${fork.at} lost ${lost}, the last of them seal ${String(anchor.seq)}.`,
  };
}

/** Returns the anchors to keep after a new seal: the last of each epoch, at most 16. */
export function withAnchor(kept: readonly Anchor[], anchor: Anchor): Anchor[] {
  return [...kept.filter(({ epoch }) => epoch !== anchor.epoch), anchor].slice(-ANCHORS_KEPT);
}

/** Few kilobytes, and more recoveries than people remember. */
const ANCHORS_KEPT = 16;
