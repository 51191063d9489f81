/** The facts about the addresses of one pool that time alone would release. */
export interface AutoReleaseInput {
  /** How many addresses have had no live owner for longer than the pool's period. */
  readonly missing: number;
  /** How many claims have expired. */
  readonly expired: number;
  /** How many addresses of the pool are held by objects and devices. */
  readonly active: number;
  /** Time since the previous resync. */
  readonly sinceLastResyncMs: number;
  /** Whether the previous resync held the release. */
  readonly wasHeld: boolean;
  /** The number of addresses that a person has approved. */
  readonly approved: number | undefined;
}

/** The reasons of the condition AutoReleaseHeld. */
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

/** This many are never too many, because ordinary changes of a small pool must not be held. */
export const ALWAYS_USUAL = 50;
/** Above this share of the pool's active addresses, a release is held. */
const USUAL_SHARE = 0.05;
/** After a longer gap between resyncs, a release is held. */
const LONGEST_GAP_MS = 3_600_000;

/**
 * Decides whether the missing and expired addresses of a pool are released: the release guard. A bug in the operator, or in a proxy
 * before the API server, would look like many objects deleted at once, or deleted during a gap between resyncs. A clock that
 * went wrong would look like many claims expired at once. A person checks those cases first. A held release stays held until somebody approves it, or until nothing is left to release.
 */
export function decideAutoRelease(input: AutoReleaseInput): AutoReleaseDecision {
  const { missing, expired, active, sinceLastResyncMs, wasHeld, approved } = input;
  const count = missing + expired;
  if (count === 0)
    return { release: false, reason: 'NothingToRelease', message: 'No address waits for automatic release' };
  if (approved !== undefined && approved >= count) {
    return { release: true, reason: 'Approved', message: `The automatic release of ${count} addresses was approved` };
  }
  const limit = Math.max(ALWAYS_USUAL, Math.floor(active * USUAL_SHARE));
  if (count > limit) {
    return hold('TooMany', input, `a release of more than ${limit} at once needs an approval`);
  }
  if (missing > 0 && sinceLastResyncMs > LONGEST_GAP_MS)
    return hold('ResyncsMissing', input, 'there was no resync for more than an hour');
  if (wasHeld) return hold('StillHeld', input, 'their release was held before and nobody has approved it');
  return {
    release: true,
    reason: 'Usual',
    message: `${count} addresses without a live owner, or of expired claims, were released`,
  };
}

function hold(
  reason: AutoReleaseDecision['reason'],
  { missing, expired }: Pick<AutoReleaseInput, 'missing' | 'expired'>,
  why: string,
): AutoReleaseDecision {
  const count = missing + expired;
  const facts = [
    ...(missing > 0
      ? [`${missing} addresses have had no live owner for longer than spec.autoReleaseAfter (24h by default)`]
      : []),
    ...(expired > 0 ? [`${expired} claims have expired`] : []),
  ];
  const step = `Check with rock-mac list that their owners are gone, then annotate this MacPool with mac.rock-os.io/approve-release: "${count}"`;
  return {
    release: false,
    reason,
    message: `${facts.join(', ')}, and ${why}. ${step}`,
  };
}
