import { z } from 'zod';
import { inexactNumber } from '../../api/parse-json.ts';
import { storableText } from '../column-schemas.ts';

/** A condition on the metadata of an address: it has the key, and, if there is a value, that value or a list with it. */
export interface MetadataTerm {
  readonly key: string;
  readonly value?: string | undefined;
}

export const metadataTermSchema = z.object({
  key: storableText(1024).refine((key) => key !== '', 'is empty'),
  value: storableText(1024).optional(),
});

/** More conditions on one list are a mistake. */
export const MAX_METADATA_TERMS = 16;

/** Parses `key=value`, or `key` for any value. The value may contain further equals signs. */
export function parseMetadataTerm(text: string): MetadataTerm {
  const at = text.indexOf('=');
  return at === -1 ? { key: text } : { key: text.slice(0, at), value: text.slice(at + 1) };
}

/** Returns a condition as `parseMetadataTerm` reads it. */
export function formatMetadataTerm({ key, value }: MetadataTerm): string {
  return value === undefined ? key : `${key}=${value}`;
}

/** Returns whether metadata meets all conditions. `metadataPath` lets the ledger decide the same. */
export function hasMetadata(metadata: Readonly<Record<string, unknown>>, terms: readonly MetadataTerm[]): boolean {
  return terms.every(({ key, value }) => {
    if (!Object.hasOwn(metadata, key)) return false;
    if (value === undefined) return true;
    const held = metadata[key];
    const wanted = meaningsOf(value);
    return (Array.isArray(held) ? held : [held]).some((item) => wanted.includes(item));
  });
}

/**
 * Returns the conditions with a value as a jsonpath predicate, or `undefined` if there are none. In its lax mode, a list is
 * compared by its items (https://www.postgresql.org/docs/18/functions-json.html#STRICT-AND-LAX-MODES). That a key exists is no
 * part of it: no index finds that by a path.
 */
export function metadataPath(terms: readonly MetadataTerm[]): string | undefined {
  const predicates = terms.flatMap(({ key, value }) => (value === undefined ? [] : [predicateOf(key, value)]));
  return predicates.length === 0 ? undefined : predicates.join(' && ');
}

function predicateOf(key: string, value: string): string {
  const meanings = meaningsOf(value).map((meaning) => `$.${JSON.stringify(key)} == ${JSON.stringify(meaning)}`);
  return `(${meanings.join(' || ')})`;
}

/** Returns the JSON values that a typed value may mean: people write `vlan=12` for the number and for the text. */
function meaningsOf(value: string): unknown[] {
  const isPlain =
    /^(true|false|null|(0|[1-9]\d{0,15})(\.\d{1,15})?)$/.test(value) && inexactNumber(value) === undefined;
  return isPlain ? [value, JSON.parse(value)] : [value];
}
