import type { StockAssignment } from '../../ledger/stock/leave-stock.ts';

/** An answer with an address of the stock, of which the ledger has not heard yet. */
export interface UnreportedAnswer {
  readonly pool: string;
  readonly assignment: StockAssignment;
  /** When the webhook answered, in milliseconds of the clock. */
  readonly at: number;
}

export interface UnreportedAnswers {
  add(answer: UnreportedAnswer): void;
  remove(assignments: readonly StockAssignment[]): void;
  /** Returns the last answer under a holder key. */
  find(holderKey: string): UnreportedAnswer | undefined;
  /** Returns whether there is an answer with the stocked address of this key. */
  has(stockKey: string): boolean;
  /** Counts the answers of a pool, or of one namespace in it. */
  count(pool: string, namespace?: string): number;
  /** Returns the answers until a time, the oldest first. */
  until(time: number): readonly StockAssignment[];
}

export function createUnreportedAnswers(): UnreportedAnswers {
  /** By the key of the stocked address, in the order of the answers. */
  const answers = new Map<string, UnreportedAnswer>();
  const byHolderKey = new Map<string, UnreportedAnswer>();
  const counts = new Map<string, number>();

  function countBy(answer: UnreportedAnswer, change: 1 | -1): void {
    const { pool, assignment } = answer;
    for (const group of [groupOf(pool), groupOf(pool, assignment.owner.namespace)]) {
      const count = (counts.get(group) ?? 0) + change;
      if (count === 0) counts.delete(group);
      else counts.set(group, count);
    }
  }

  return {
    add: (answer) => {
      answers.set(answer.assignment.key, answer);
      byHolderKey.set(answer.assignment.boundKey, answer);
      countBy(answer, 1);
    },
    remove: (assignments) => {
      for (const { key, boundKey } of assignments) {
        const answer = answers.get(key);
        if (answer === undefined) continue;
        answers.delete(key);
        if (byHolderKey.get(boundKey) === answer) byHolderKey.delete(boundKey);
        countBy(answer, -1);
      }
    },
    find: (holderKey) => byHolderKey.get(holderKey),
    has: (stockKey) => answers.has(stockKey),
    count: (pool, namespace) => counts.get(groupOf(pool, namespace)) ?? 0,
    until: (time) => {
      const due: StockAssignment[] = [];
      for (const { assignment, at } of answers.values()) {
        if (at > time) break;
        due.push(assignment);
      }
      return due;
    },
  };
}

/** Names of pools and namespaces have no `/`. */
function groupOf(pool: string, namespace?: string): string {
  return namespace === undefined ? pool : `${pool}/${namespace}`;
}
