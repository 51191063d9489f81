import type { Address, AllocatedSet, CommandResult } from './backend.ts';
import { type CommandRefusal, type Exit } from './errors.ts';
import { inParallel } from './in-parallel.ts';

/** After such a refusal, all others would be refused for the same reason. */
const HOPELESS: readonly Exit[] = ['unavailable', 'forbidden'];

/**
 * Allocates an address for each item, and continues when one is refused, so that a repeated command has less to do. Items after a
 * refusal that concerns all of them are not tried.
 */
export async function allocateEach<I>(
  items: readonly I[],
  limit: number,
  allocate: (item: I) => Promise<CommandResult<Address>>,
): Promise<CommandResult<AllocatedSet>> {
  let hopeless = false;
  const results = await inParallel(items, limit, async (item) => {
    if (hopeless) return undefined;
    const result = await allocate(item);
    hopeless ||= result.kind === 'refused' && HOPELESS.includes(result.refusal.exit);
    return result;
  });
  const dryRun = results.find((result) => result?.kind === 'dry-run');
  const refusals = results.flatMap((result): CommandRefusal[] => (result?.kind === 'refused' ? [result.refusal] : []));
  if (dryRun !== undefined && refusals.length === 0) return dryRun;
  return {
    kind: 'done',
    value: {
      addresses: results.flatMap((result) => (result?.kind === 'done' ? [result.value] : [])),
      refusals,
      untried: results.filter((result) => result === undefined).length,
    },
  };
}
