import { readFile } from 'node:fs/promises';
import { parseJson } from '../../api/parse-json.ts';
import { systemReason } from '../../api/system-reason.ts';
import { type Anchor, anchorSchema, anchorsSchema } from '../../ledger/seal/anchor.ts';
import { UserError } from '../errors.ts';

const ANCHOR = /^(?<epoch>\d{1,15}):(?<seq>\d{1,15}):(?<hash>[0-9a-f]{64})$/;

/** Anchors as a person has them: pasted, or in a file. */
export interface GivenAnchors {
  /** Of the ledger that they belong to, if known. */
  readonly ledgerId?: string | undefined;
  readonly anchors: readonly Anchor[];
}

/** Formats an anchor for people to keep. */
export function anchorText({ epoch, seq, hash }: Anchor): string {
  return `${String(epoch)}:${String(seq)}:${hash}`;
}

/** Reads one value of `--anchor`: EPOCH:SEAL:HASH, or a file with `seals.json` of an operator's ConfigMap. */
export async function readAnchor(value: string): Promise<GivenAnchors> {
  const groups = ANCHOR.exec(value)?.groups;
  if (groups !== undefined) {
    const anchor = { epoch: Number(groups['epoch']), seq: Number(groups['seq']), hash: groups['hash'] };
    const parsed = anchorSchema.safeParse(anchor);
    if (!parsed.success) throw unreadable(value, 'its numbers start at 1');
    return { anchors: [parsed.data] };
  }
  const text = await readFile(value, 'utf8').catch((error: unknown) => {
    throw unreadable(value, systemReason(error));
  });
  const pasted = text.trim();
  if (ANCHOR.test(pasted)) return readAnchor(pasted);
  const parsed = anchorsSchema.safeParse(parseJson(text));
  if (!parsed.success) throw unreadable(value, 'the file has no anchors');
  return parsed.data;
}

function unreadable(value: string, why: string): UserError {
  return new UserError(
    `--anchor ${value} cannot be read (${why}).`,
    'Pass EPOCH:SEAL:HASH from `rock-mac check -o wide`, or a file with seals.json of the ConfigMap rock-mac-ledger-head.',
  );
}
