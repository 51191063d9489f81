import { ANNOTATIONS } from '../../api/names.ts';
import type { MacPool } from '../../kube/client/mac-resources.ts';
import { findCondition } from '../../kube/controller/conditions.ts';

/** The condition of a MacPool whose addresses are not released until a person approves it. */
export const AUTO_RELEASE_HELD = 'AutoReleaseHeld';

/** Returns whether the release guard held the addresses of a pool at the last resync. */
export function isReleaseHeld({ status }: Pick<MacPool, 'status'>): boolean {
  return findCondition(status?.conditions ?? [], AUTO_RELEASE_HELD)?.status === 'True';
}

/** Returns the number of releases that a person has approved on a pool. */
export function approvedReleases({ metadata }: Pick<MacPool, 'metadata'>): number | undefined {
  const text = metadata.annotations?.[ANNOTATIONS.approveRelease];
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
