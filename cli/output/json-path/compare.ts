import { type Comparison, JsonPathError } from './template.ts';

/** Compares two values of one type, as a filter does. Nothing equals nothing only. */
export function compareValues(left: unknown, operator: Comparison['operator'], right: unknown): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  const order = orderOf(left, right);
  switch (operator) {
    case '<':
      return order < 0;
    case '>':
      return order > 0;
    case '<=':
      return order <= 0;
    case '>=':
      return order >= 0;
  }
}

function orderOf(left: unknown, right: unknown): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  // Texts by code units: the order of ISO times, and the same everywhere.
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : Number(left > right);
  throw new JsonPathError(`${typeof left} and ${typeof right} have no order, so a filter cannot compare them`);
}
