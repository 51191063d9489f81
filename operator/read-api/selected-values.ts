import { parseAnyMac, type MacAddress } from '../../mac/mac-address.ts';
import type { FieldTerm } from './field-selector.ts';
import { badRequest } from './problem.ts';

/** The value that a field must have; `undefined` where the selector does not say. */
export function valueOf(terms: readonly FieldTerm[], field: string): string | undefined {
  const ofField = terms.filter((term) => term.field === field);
  const different = ofField.find(({ equal }) => !equal);
  if (different !== undefined) throw badRequest(`${field} can be selected by = only`);
  const [first, ...others] = ofField;
  if (others.some(({ value }) => value !== first?.value)) throw badRequest(`${field} cannot have two values at once`);
  return first?.value;
}

/** Which of all values a field may have; `undefined` where the selector does not say. */
export function valuesOf<T extends string>(
  terms: readonly FieldTerm[],
  field: string,
  all: readonly T[],
): readonly T[] | undefined {
  const ofField = terms.filter((term) => term.field === field);
  if (ofField.length === 0) return undefined;
  for (const { value } of ofField) {
    if (!all.some((each) => each === value)) {
      throw badRequest(`${JSON.stringify(value)} is no ${field}: use one of ${all.join(', ')}`);
    }
  }
  return all.filter((each) => ofField.every(({ equal, value }) => equal === (each === value)));
}

export function macOf(terms: readonly FieldTerm[], field: string): MacAddress | undefined {
  const text = valueOf(terms, field);
  if (text === undefined) return undefined;
  const parsed = parseAnyMac(text);
  if (parsed === undefined) throw badRequest(`${JSON.stringify(text)} is no MAC address`);
  return parsed;
}

export function momentOf(terms: readonly FieldTerm[], field: string): Date | undefined {
  const text = valueOf(terms, field);
  if (text === undefined) return undefined;
  const moment = new Date(text);
  if (!/^\d{4}-\d{2}-\d{2}T/.test(text) || Number.isNaN(moment.getTime())) {
    throw badRequest(`${field} must be a time such as 2026-01-31T09:00:00Z, not ${JSON.stringify(text)}`);
  }
  return moment;
}

export function countOf(terms: readonly FieldTerm[], field: string): number | undefined {
  const text = valueOf(terms, field);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`${field} must be a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}
