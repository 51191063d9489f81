import { isCalendarDay } from '../../api/calendar.ts';
import { type MacAddress, parseAnyMac } from '../../mac/mac-address.ts';
import type { FieldTerm } from './field-selector.ts';
import { badRequest } from './status-error.ts';

/** Returns the value that a field must have, or `undefined` if the selector does not name the field. */
export function exactValue(terms: readonly FieldTerm[], field: string): string | undefined {
  const ofField = terms.filter((term) => term.field === field);
  if (ofField.some(({ equal }) => !equal)) throw badRequest(`${field} can be selected by = only`);
  const [first, ...others] = ofField;
  if (others.some(({ value }) => value !== first?.value)) throw badRequest(`${field} cannot have two values at once`);
  return first?.value;
}

/** Returns the values that a field must all have, for a field with several. */
export function allValues(terms: readonly FieldTerm[], field: string): readonly string[] {
  const ofField = terms.filter((term) => term.field === field);
  if (ofField.some(({ equal }) => !equal)) throw badRequest(`${field} can be selected by = only`);
  return ofField.map(({ value }) => value);
}

/** Returns the values of `all` that a field may have, or `undefined` if the selector does not name the field. */
export function allowedValues<T extends string>(
  terms: readonly FieldTerm[],
  field: string,
  all: readonly T[],
): readonly T[] | undefined {
  const ofField = terms.filter((term) => term.field === field);
  if (ofField.length === 0) return undefined;
  for (const { value } of ofField) {
    if (!all.some((each) => each === value)) {
      throw badRequest(`${JSON.stringify(value)} is not a ${field}: use one of ${all.join(', ')}`);
    }
  }
  return all.filter((each) => ofField.every(({ equal, value }) => equal === (each === value)));
}

export function macValue(terms: readonly FieldTerm[], field: string): MacAddress | undefined {
  const text = exactValue(terms, field);
  if (text === undefined) return undefined;
  const parsed = parseAnyMac(text);
  if (parsed === undefined) throw badRequest(`${JSON.stringify(text)} is not a MAC address`);
  return parsed;
}

export function timeValue(terms: readonly FieldTerm[], field: string): Date | undefined {
  const text = exactValue(terms, field);
  if (text === undefined) return undefined;
  const time = new Date(text);
  const [day = ''] = /^\d{4}-\d{2}-\d{2}(?=T)/.exec(text) ?? [];
  if (!isCalendarDay(day) || Number.isNaN(time.getTime())) {
    throw badRequest(`${field} must be a time such as 2026-01-31T09:00:00Z, not ${JSON.stringify(text)}`);
  }
  return time;
}

export function countValue(terms: readonly FieldTerm[], field: string): number | undefined {
  const text = exactValue(terms, field);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`${field} must be a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}
