import { z } from 'zod';
import type { MacAddress } from '../../mac/mac-address.ts';
import { macSchema, storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import { itemsJson } from './address-ref.ts';
import { ownerColumns } from './allocate.ts';
import { isStickyKey } from './holder-key.ts';
import { type Owner, ownerSchema } from './owner.ts';
import { type Invalid, runEach } from './validate.ts';

/** An address that was seen on a stored object. */
export interface BindItem {
  readonly mac: MacAddress;
  /** The key it was requested with, computed from the stored object. */
  readonly key: string;
  /** Its new key: `boundKey`, or `stickyKey` again. */
  readonly boundKey: string;
  /** With a uid, unless the new key is sticky. */
  readonly owner: Owner;
  /** For whom a webhook answered with an address of its stock. Without it, an address of a stock is not bound. */
  readonly requester?: string | undefined;
}

export type BindOutcome =
  /** Bound now or before. */
  | { readonly outcome: 'bound'; readonly generation: number }
  /** Another owner holds it, or held it last: the key, cluster, namespace or kind differs. */
  | { readonly outcome: 'conflict'; readonly generation: number }
  /** The ledger never handed it out. */
  | { readonly outcome: 'unknown' }
  | Invalid;

const itemSchema = z
  .object({
    mac: macSchema,
    key: storableText(600),
    boundKey: storableText(600),
    owner: ownerSchema,
    requester: storableText(1024).optional(),
  })
  .refine(({ boundKey, owner }) => isStickyKey(boundKey) === (owner.uid === undefined), 'has a uid, or a sticky key');

const rowSchema = z.object({ outcome: z.enum(['bound', 'conflict', 'unknown']), generation: z.int().nullable() });

/**
 * Turns pending addresses into active ones that belong to an object's uid. Restores an address whose lease expired
 * while its object was being stored, unless it has a new owner. Moves an address from a virtual machine to the one that was
 * made again under its name. Binding a bound address changes nothing and writes no audit row.
 *
 * Binding a sticky address to its key again says that it is in use (`missingSince` ends). Binding it to the key of an object of
 * that name ends its stickiness: the object is its owner then.
 */
export async function bind(db: Queryable, items: readonly BindItem[], actor: string): Promise<BindOutcome[]> {
  return runEach(items, itemSchema, async (group): Promise<BindOutcome[]> => {
    const rows = await db.query({
      text: `select outcome, generation from rock_mac.bind($1::jsonb, $2) order by ord`,
      values: [
        itemsJson(group, ({ key, boundKey, owner, requester }) => ({
          key,
          bound_key: boundKey,
          ...ownerColumns(owner),
          requester,
        })),
        actor,
      ],
      row: rowSchema,
    });
    return rows.map(({ outcome, generation }) =>
      outcome === 'unknown' || generation === null ? { outcome: 'unknown' } : { outcome, generation },
    );
  });
}
