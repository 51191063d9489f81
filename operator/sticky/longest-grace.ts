import type { UnreachableConsumer } from '../../api/mac-allocation.ts';

/** The grace period of a pod that says nothing, and of one that nobody saw, in seconds. */
export const DEFAULT_GRACE_SECONDS = 30;

/**
 * Returns the consumer with the longer grace period of the two. A claim shows one pod only. If another one of its name may still run
 * too, both have as long to end as the slower one.
 */
export function longestGrace(
  consumer: UnreachableConsumer,
  other: UnreachableConsumer | undefined,
): UnreachableConsumer {
  const seconds = graceOf(other);
  return seconds <= graceOf(consumer) ? consumer : { ...consumer, terminationGracePeriodSeconds: seconds };
}

function graceOf(consumer: UnreachableConsumer | undefined): number {
  return consumer?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
}
