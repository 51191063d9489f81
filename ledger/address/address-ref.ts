import { z } from 'zod';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import { macSchema, storableText } from '../column-schemas.ts';
import type { Statement } from '../connection/statement.ts';

/**
 * Identifies one owner of one address. All three fields are compared, so nobody changes an address that has a new
 * owner.
 */
export interface AddressRef {
  readonly mac: MacAddress;
  readonly generation: number;
  /** Holder key. */
  readonly key: string;
}

export const addressRefSchema = z.object({ mac: macSchema, generation: z.int().min(1), key: storableText(600) });

/** Returns items as JSON for the ledger's functions, each with its position in the group. */
export function itemsJson<I extends { readonly mac: MacAddress }>(
  items: readonly I[],
  columns: (item: I) => Readonly<Record<string, unknown>>,
): string {
  return JSON.stringify(items.map((item, ord) => ({ ...columns(item), ord, addr: macToNumber(item.mac) })));
}

export function addressRefsJson(items: readonly AddressRef[]): string {
  return itemsJson(items, ({ generation, key }) => ({ generation, key }));
}

/** Returns a statement whose rows are one outcome per item, in the order of the items. */
export function outcomeStatement<O extends string>(
  text: string,
  values: readonly unknown[],
  outcomes: readonly [O, ...O[]],
): Statement<{ outcome: O }> {
  return { text, values, row: z.object({ outcome: z.enum(outcomes) }) };
}
