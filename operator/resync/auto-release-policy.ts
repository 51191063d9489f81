/** What is known when a resync finds addresses of a pool whose owners have been gone for longer than its period. */
export interface AutoReleaseInput {
  /** How many would be released. */
  readonly count: number;
  /** How many addresses of the pool objects and devices hold. */
  readonly active: number;
  /** Since the resync before this one. */
  readonly sinceLastResyncMs: number;
  /** The pool was held in the resync before. */
  readonly wasHeld: boolean;
  /** The count that a person has approved. */
  readonly approved: number | undefined;
}

/** Reasons of the condition AutoReleaseHeld. */
export const AUTO_RELEASE_REASONS = [
  'NothingToRelease',
  'Usual',
  'Approved',
  'TooMany',
  'ResyncsMissing',
  'StillHeld',
] as const;

export interface AutoReleaseDecision {
  readonly release: boolean;
  readonly reason: (typeof AUTO_RELEASE_REASONS)[number];
  readonly message: string;
}

/** Fewer than this are never too many: a small pool must not be held for its ordinary comings and goings. */
const ALWAYS_USUAL = 50;
const USUAL_SHARE = 0.05;
const LONGEST_GAP_MS = 3_600_000;

/**
 * The brake on automatic release. A mistake of ours, or of whatever stands between us and the API server, would look like
 * many objects that are gone at once, or like objects that went while nobody looked; then a person has to look first. What
 * is held stays held until somebody approves it, or nothing is left to release.
 */
export function decideAutoRelease(input: AutoReleaseInput): AutoReleaseDecision {
  const { count, active, sinceLastResyncMs, wasHeld, approved } = input;
  if (count === 0) return { release: false, reason: 'NothingToRelease', message: 'No address waits for its release' };
  if (approved !== undefined && approved >= count) {
    return { release: true, reason: 'Approved', message: `The release of ${count} addresses was approved` };
  }
  const limit = Math.max(ALWAYS_USUAL, Math.floor(active * USUAL_SHARE));
  if (count > limit) {
    return hold('TooMany', count, `more than ${limit} at once are held back`);
  }
  if (sinceLastResyncMs > LONGEST_GAP_MS) return hold('ResyncsMissing', count, 'for more than an hour nobody looked');
  if (wasHeld) return hold('StillHeld', count, 'the release was held before, and nobody has approved it');
  return { release: true, reason: 'Usual', message: `${count} addresses whose owners are gone were released` };
}

function hold(reason: AutoReleaseDecision['reason'], count: number, why: string): AutoReleaseDecision {
  const step = `check that these objects are really gone (rock-mac list), then annotate this MacPool with mac.rock-os.io/approve-release: "${count}"`;
  return {
    release: false,
    reason,
    message: `${count} addresses have had no live owner for longer than their pool's period; ${why}: ${step}`,
  };
}
