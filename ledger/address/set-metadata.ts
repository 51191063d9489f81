import { z } from 'zod';
import { storableMetadata, storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import { type AddressRef, addressRefSchema, itemsJson, outcomeStatement } from './address-ref.ts';
import { problemOf } from './validate.ts';

/** What is said about the device of an address. */
export interface Description {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly type?: string | undefined;
}

/** An address with its description, as the caller read it and as the caller wants it. */
export interface SetItem extends AddressRef {
  readonly before: Description;
  readonly after: Description;
}

const OUTCOMES = ['set', 'changed', 'not_owner', 'not_held', 'unknown'] as const;

/**
 * `set`: it is as wanted, unless another item of the group was not. `changed`: somebody changed the description since the caller read
 * it. `not_owner`: the owner, generation or key has changed. `not_held`: nobody holds it for good.
 */
export type SetOutcome = { readonly outcome: (typeof OUTCOMES)[number] };

export type SetResult =
  | { readonly outcome: 'set' }
  /** Nothing was changed, because of these. */
  | { readonly outcome: 'refused'; readonly items: readonly SetOutcome[] }
  | { readonly outcome: 'invalid'; readonly why: string };

const descriptionSchema = z.object({ metadata: storableMetadata, type: storableText(128).optional() });
const itemsSchema = z.array(addressRefSchema.extend({ after: descriptionSchema }));

/** Changes the metadata and the type of devices: of all addresses, or of none. */
export async function setMetadata(
  db: Queryable,
  items: readonly SetItem[],
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Promise<SetResult> {
  const why = problemOf(itemsSchema, items);
  if (why !== undefined) return { outcome: 'invalid', why };
  const text = `select outcome from rock_mac.set_metadata($1::jsonb, $2, $3) order by ord`;
  const outcomes = await db.query(outcomeStatement(text, [itemsJson(items, columns), actor, reason], OUTCOMES));
  if (outcomes.every(({ outcome }) => outcome === 'set')) return { outcome: 'set' };
  return { outcome: 'refused', items: outcomes };
}

function columns({ generation, key, before, after }: SetItem): Record<string, unknown> {
  return {
    generation,
    key,
    metadata: after.metadata,
    type: after.type,
    metadata_before: before.metadata,
    type_before: before.type,
  };
}
