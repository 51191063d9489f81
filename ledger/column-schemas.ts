import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { parseAnyMac } from '../mac/mac-address.ts';

/**
 * A MAC address in the only notation of `MacAddress`. The type promises this already, but a cast can break it. A value
 * that is not a number would then mean "any address" in the ledger's functions.
 */
export const macSchema = z
  .string()
  .max(64)
  .refine((text) => parseAnyMac(text) === text, 'is not a MAC address in lower-case colon form');

/** Parses a nullable column to an optional property. */
export const optionalColumn = <T>(schema: z.ZodType<T>) => schema.nullable().transform((value) => value ?? undefined);

/** Returns whether Postgres can store a text: text and jsonb accept no NUL and no lone surrogate. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

const UNSTORABLE = 'contains NUL or half of a surrogate pair';

/** Returns a schema for a text that Postgres can store, with a limit in UTF-8 octets. */
export function storableText(maxOctets: number): z.ZodType<string> {
  return z
    .string()
    .refine(isStorable, UNSTORABLE)
    .refine((text) => Buffer.byteLength(text) <= maxOctets, `is longer than ${String(maxOctets)} octets`);
}

const MAX_METADATA_OCTETS = 16_384;
const MAX_METADATA_DEPTH = 16;

/** A JSON object that Postgres can store. The limits keep rows and their audit rows small. */
export const storableMetadata: z.ZodType<Readonly<Record<string, unknown>>> = z
  .custom<Readonly<Record<string, unknown>>>((value) => isPlainObject(value), 'is not a JSON object')
  .superRefine((value, context) => {
    const problem = jsonProblem(value, MAX_METADATA_DEPTH) ?? sizeProblem(value);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

function sizeProblem(value: unknown): string | undefined {
  if (Buffer.byteLength(JSON.stringify(value)) <= MAX_METADATA_OCTETS) return undefined;
  return `is longer than ${String(MAX_METADATA_OCTETS)} octets`;
}

/** Returns why a value is not storable JSON. The depth limit also ends cycles. */
function jsonProblem(value: unknown, depth: number): string | undefined {
  if (typeof value === 'object' && value !== null) return objectProblem(value, depth);
  switch (typeof value) {
    case 'string':
      return isStorable(value) ? undefined : UNSTORABLE;
    case 'number':
      return Number.isFinite(value) ? undefined : 'contains a number that JSON cannot represent';
    case 'object':
    case 'boolean':
    case 'undefined':
      return undefined;
    default:
      return `contains a ${typeof value}`;
  }
}

function objectProblem(value: object, depth: number): string | undefined {
  if (depth === 0) return `is nested deeper than ${String(MAX_METADATA_DEPTH)} levels`;
  // Objects of JavaScript lose such a member when they are copied, so nobody would ever see it again.
  if (Object.hasOwn(value, '__proto__')) return 'contains the key __proto__';
  for (const [key, inner] of Object.entries(value)) {
    const problem = isStorable(key) ? jsonProblem(inner, depth - 1) : UNSTORABLE;
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
