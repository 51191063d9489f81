import type { Condition } from '../client/objects.ts';
import { toTime } from './timestamps.ts';

export interface NewCondition {
  readonly type: string;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number | undefined;
}

/**
 * Returns the conditions with one of them set. `lastTransitionTime` changes only with the status, as the API conventions
 * require: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
 *
 * @returns the same array when nothing changed
 */
export function setCondition(conditions: readonly Condition[], next: NewCondition, now: Date): readonly Condition[] {
  const index = conditions.findIndex((condition) => condition.type === next.type);
  const before = conditions[index];
  if (before !== undefined && same(before, next)) return conditions;

  const condition: Condition = {
    type: next.type,
    status: next.status,
    reason: next.reason,
    message: next.message,
    ...(next.observedGeneration !== undefined && { observedGeneration: next.observedGeneration }),
    lastTransitionTime: before?.status === next.status ? before.lastTransitionTime : toTime(now),
  };
  return before === undefined ? [...conditions, condition] : conditions.with(index, condition);
}

export function findCondition(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

function same(before: Condition, next: NewCondition): boolean {
  return (
    before.status === next.status &&
    before.reason === next.reason &&
    before.message === next.message &&
    before.observedGeneration === next.observedGeneration
  );
}
