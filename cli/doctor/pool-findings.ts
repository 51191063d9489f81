import type { PoolCounts } from '../backend.ts';
import { failure, type Finding, fine, warning } from './finding.ts';

/** From this percentage on, a pool is nearly full. */
const NEARLY_FULL = 75;

/** Evaluates the counts of the pools. `program`: the command as users type it. */
export function poolFindings(pools: readonly PoolCounts[], program: string): Finding[] {
  if (pools.length === 0) {
    return [failure('pools', 'there are no pools, so nothing can be handed out', `Add one: \`${program} pool add\`.`)];
  }
  const found = pools.flatMap((pool) => findingsOf(pool, program));
  return found.length > 0 ? found : [fine('pools', `${String(pools.length)} pool(s), none of them nearly full`)];
}

function findingsOf(pool: PoolCounts, program: string): Finding[] {
  return [roomOf(pool, program), orphansOf(pool, program), strangersOf(pool, program)].filter(
    (finding) => finding !== undefined,
  );
}

function roomOf({ pool, paused, free, utilisation = 0 }: PoolCounts, program: string): Finding | undefined {
  if (paused) {
    return warning('pools', `pool ${pool} is paused`, `Let it hand out again: \`${program} pool resume ${pool}\`.`);
  }
  const next = `Release unused addresses, or let it grow: \`${program} pool grow ${pool} --last MAC\`.`;
  if (free === 0) return failure('pools', `pool ${pool} has no free address`, next);
  if (utilisation < NEARLY_FULL) return undefined;
  return warning('pools', `${utilisation.toFixed(1)}% of pool ${pool} are not free`, next);
}

function orphansOf({ pool, orphaned = 0 }: PoolCounts, program: string): Finding | undefined {
  if (orphaned === 0) return undefined;
  return warning(
    'orphaned',
    `${String(orphaned)} address(es) of pool ${pool} may still be in use by somebody unknown`,
    `See \`${program} list -s orphaned -p ${pool}\`, check them, then release them with --force.`,
  );
}

function strangersOf({ pool, observed = 0 }: PoolCounts, program: string): Finding | undefined {
  if (observed === 0) return undefined;
  return warning(
    'conflicts',
    `${String(observed)} address(es) of pool ${pool} are used by objects that do not own them`,
    `\`${program} list -s all -p ${pool}\` marks them as observed. Adopt them, or give the objects other addresses.`,
  );
}
