import type { NewCondition } from '../../kube/controller/conditions.ts';
import type { MacRange } from '../../mac/mac-range.ts';

/** What became of the definition in a MacPool. */
export type PoolOutcome =
  | { readonly outcome: 'defined' }
  /** The MacPool asks for a sequential pool, but the one of another cluster made it random. Absent: a person or a retired cluster did. */
  | { readonly outcome: 'random_elsewhere'; readonly cluster?: string | undefined }
  | { readonly outcome: 'paused'; readonly by: 'spec' }
  /** The MacPool of another cluster paused it. Absent: a person or a retired cluster did. */
  | { readonly outcome: 'paused'; readonly by: 'others'; readonly cluster?: string | undefined }
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
        message: `The ledger has this pool. ${elsewhere(found.cluster, 'made it random')}, so spec.strategy does not make it sequential. ${commandThere(found.cluster, `pool strategy ${name} sequential`)} does. Without spec.strategy, the MacPool follows the ledger`,
      };
    case 'paused':
      return refused(
        'Paused',
        found.by === 'spec'
          ? 'The pool is paused. Set spec.paused to false to allocate from it'
          : `${elsewhere(found.cluster, 'paused the pool')}, so spec.paused does not resume it. ${commandThere(found.cluster, `pool resume ${name}`)} does`,
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

function elsewhere(cluster: string | undefined, did: string): string {
  return cluster === undefined
    ? `A person, or a cluster that is retired, ${did} in the ledger`
    : `The MacPool of cluster ${cluster} ${did} in the ledger`;
}

/** A command on the ledger does not undo what a MacPool did, which its operator would do again. */
function commandThere(cluster: string | undefined, command: string): string {
  return cluster === undefined ? `\`rock-mac ${command}\`` : `\`kubectl rock-mac ${command}\` in that cluster`;
}

function describe(other: Extract<PoolOutcome, { readonly outcome: 'overlaps' }>['other']): string {
  return other === undefined
    ? 'another pool of the ledger'
    : `pool ${other.name} of the ledger (${other.first} to ${other.last})`;
}
