import { z } from 'zod';
import { macToNumber, type MacAddress } from '../../mac/mac-address.ts';
import { macSchema } from '../columns/mac-schema.ts';
import type { Statement } from '../connection/statement.ts';
import { storableText } from '../columns/storable-text.ts';

/** Which owner of which address is meant: all three are compared, so that nobody changes what is another's by now. */
export interface HeldItem {
  readonly mac: MacAddress;
  readonly generation: number;
  /** Holder key. */
  readonly key: string;
}

export const heldItemSchema = z.object({ mac: macSchema, generation: z.int().min(1), key: storableText(600) });

/** Items as the functions of the ledger take them: JSON with the place of each in its group. */
export function itemsJson<I extends { readonly mac: MacAddress }>(
  items: readonly I[],
  columns: (item: I) => Readonly<Record<string, unknown>>,
): string {
  return JSON.stringify(items.map((item, ord) => ({ ...columns(item), ord, addr: macToNumber(item.mac) })));
}

export function heldItemsJson(items: readonly HeldItem[]): string {
  return itemsJson(items, ({ generation, key }) => ({ generation, key }));
}

/** A statement whose rows are one outcome for each item, in the order of the items. */
export function outcomeStatement<O extends string>(
  text: string,
  values: readonly unknown[],
  outcomes: readonly [O, ...O[]],
): Statement<{ outcome: O }> {
  return { text, values, row: z.object({ outcome: z.enum(outcomes) }) };
}
