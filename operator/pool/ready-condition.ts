import type { NewCondition } from '../../kube/controller/conditions.ts';
import type { MacRange } from '../../mac/mac-range.ts';

/** What became of the definition in a MacPool. */
export type PoolOutcome =
  | { readonly outcome: 'defined' }
  /** A person or another cluster made the pool random, and its MacPool does not ask for that. */
  | { readonly outcome: 'random_elsewhere' }
  | { readonly outcome: 'paused'; readonly by: 'spec' | 'others' }
  | { readonly outcome: 'invalid'; readonly message: string }
  /** Another pool of the ledger has some of its addresses. Absent: it was removed meanwhile. */
  | { readonly outcome: 'overlaps'; readonly other?: { readonly name: string } & MacRange }
  | { readonly outcome: 'conflict' | 'not_allowed' | 'outside_prefix' };

/** Returns the Ready condition of a MacPool. Pools are no secret between clusters: each has a MacPool for every pool of the ledger. */
export function readyCondition(found: PoolOutcome, name: string): NewCondition {
  const refused = (reason: string, message: string): NewCondition => ({
    type: 'Ready',
    status: 'False',
    reason,
    message,
  });
  switch (found.outcome) {
    case 'defined':
      return { type: 'Ready', status: 'True', reason: 'Defined', message: 'The ledger has this pool' };
    case 'random_elsewhere':
      return {
        type: 'Ready',
        status: 'True',
        reason: 'RandomElsewhere',
        message: `The ledger has this pool. A person or another cluster made it random there, so spec.strategy does not make it sequential. \`rock-mac pool strategy ${name} sequential\` does`,
      };
    case 'paused':
      return refused(
        'Paused',
        found.by === 'spec'
          ? 'The pool is paused. Set spec.paused to false to allocate from it'
          : `A person or another cluster paused the pool in the ledger, so spec.paused does not resume it. \`rock-mac pool resume ${name}\` does`,
      );
    // No retry makes such a definition valid. Only a change of the spec does, and that enqueues the pool.
    case 'invalid':
      return refused('InvalidDefinition', found.message);
    case 'conflict':
      return refused(
        'DefinitionConflict',
        'The ledger has another definition of this pool, which other clusters use. Change spec to the definition that rock-mac stats shows',
      );
    case 'overlaps':
      return refused(
        'RangeOverlaps',
        `The range from spec.first to spec.last overlaps ${describe(found.other)}. Choose another range`,
      );
    case 'not_allowed':
      return refused(
        'NotAllowed',
        'The database login of this cluster may not change this pool, which other clusters use. Undo the change, or ask the administrator of the ledger to make it',
      );
    case 'outside_prefix':
      return refused(
        'OutsidePrefix',
        'The range from spec.first to spec.last is under no prefix of the ledger. Choose another range, or let an admin of the ledger add the prefix with `rock-mac prefix add`',
      );
  }
}

function describe(other: Extract<PoolOutcome, { readonly outcome: 'overlaps' }>['other']): string {
  return other === undefined
    ? 'another pool of the ledger'
    : `pool ${other.name} of the ledger (${other.first} to ${other.last})`;
}
