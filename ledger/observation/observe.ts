import { z } from 'zod';
import type { MacAddress } from '../../mac/mac-address.ts';
import { itemsJson } from '../address/address-ref.ts';
import { type Owner, ownerSchema } from '../address/owner.ts';
import { type Invalid, runEach } from '../address/validate.ts';
import { macSchema, storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';

/** An address on an interface of a live object, which the ledger did not give to that object. */
export interface ObserveItem {
  readonly mac: MacAddress;
  /** The object that uses it. It owns nothing. */
  readonly object: Owner & { readonly uid: string };
  /** Whether it counts toward the limits: nobody in the object's namespace may use the pool of the address. */
  readonly limited: boolean;
  /** Whether it is an instance that names a migration, so that it may be the guest of another machine. */
  readonly migrates?: boolean;
  /** Whether the object runs. Only those of running objects can meet. Absent in a recovery, which leaves the limits of a known observation as they are. */
  readonly running?: boolean;
  /** Where the network of the interface lies. Only addresses of one segment can meet. Default: that of a known observation, or the one without a name. */
  readonly segment?: string;
}

export type ObserveOutcome =
  /**
   * - `observed`: the address is kept from being handed out from now on. `known`: it was before.
   * - `over_limit`: the object or its namespace has too many observed addresses, or the pool has. It is not recorded.
   * - `not_registered`: the cluster is not registered, or is retired.
   */
  { readonly outcome: 'observed' | 'known' | 'over_limit' | 'not_registered' } | Invalid;

const itemSchema = z.object({
  mac: macSchema,
  object: ownerSchema.required({ uid: true }),
  limited: z.boolean(),
  migrates: z.boolean().optional(),
  running: z.boolean().optional(),
  segment: storableText(253).optional(),
});

const rowSchema = z.object({ outcome: z.enum(['observed', 'known', 'over_limit', 'not_registered']) });

/**
 * Records addresses that are in use and granted to nobody, of any prefix. They are not handed out while they are observed. An observation
 * gives its object no right to the address. A few hundred items per call are a good size.
 */
export async function observe(db: Queryable, items: readonly ObserveItem[], actor: string): Promise<ObserveOutcome[]> {
  return runEach(items, itemSchema, (group): Promise<ObserveOutcome[]> =>
    db.query({
      text: `select outcome from rock_mac.observe($1::jsonb, $2) order by ord`,
      values: [itemsJson(group, columns), actor],
      row: rowSchema,
    }),
  );
}

function columns({ object, limited, migrates = false, running, segment }: ObserveItem): Record<string, unknown> {
  const { clusterId, kind, namespace, name, uid, nic } = object;
  return { cluster: clusterId, kind, namespace, name, uid, nic, limited, migrates, running, segment };
}
