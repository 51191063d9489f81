import type { Sources } from '../controller/operator-sources.ts';

/** Returns how many pods wait for their addresses, and the age of the oldest in seconds (0 without one). */
export function countGated(
  { workloads }: Pick<Sources, 'workloads'>,
  now: Date,
): { readonly count: number; readonly oldestSeconds: number } {
  const created = [...workloads.values()].flatMap(({ cache }) =>
    cache
      .list()
      .flatMap(({ metadata, gate }) => (gate === undefined ? [] : [Date.parse(metadata.creationTimestamp ?? '')])),
  );
  const oldest = created.reduce((least, each) => Math.min(least, each), now.getTime());
  return { count: created.length, oldestSeconds: Math.max(0, (now.getTime() - oldest) / 1_000) };
}
