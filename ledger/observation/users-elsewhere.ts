import { z } from 'zod';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import { addrSchema } from '../address/owner.ts';
import type { Queryable } from '../connection/statement.ts';

/** A user of an address outside of a cluster: a running object of another cluster, an owner there, or a device. */
export interface UserElsewhere {
  readonly mac: MacAddress;
  /** The name of its cluster. Absent for a device. */
  readonly cluster?: string | undefined;
  /** Absent for a device. */
  readonly kind?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name: string;
  /** Where its network lies. Absent for an owner: the ledger does not know it. */
  readonly segment?: string | undefined;
  /** Whether it is an instance that names a migration. */
  readonly migrates: boolean;
}

const userSchema: z.ZodType<UserElsewhere> = z
  .object({
    addr: addrSchema,
    cluster: z.string().nullable(),
    kind: z.string().nullable(),
    namespace: z.string().nullable(),
    name: z.string().nullable(),
    segment: z.string().nullable(),
    migrates: z.boolean(),
  })
  .transform(({ addr, cluster, kind, namespace, name, segment, migrates }) => ({
    mac: addr,
    cluster: cluster ?? undefined,
    kind: kind ?? undefined,
    namespace: namespace ?? undefined,
    name: name ?? '',
    segment: segment ?? undefined,
    migrates,
  }));

/** Returns who uses these addresses outside of a cluster, as far as the ledger knows. A few hundred addresses are a good size. */
export function usersElsewhere(
  db: Queryable,
  { clusterId, macs }: { readonly clusterId: string; readonly macs: readonly MacAddress[] },
): Promise<UserElsewhere[]> {
  return db.query({
    text: `select o.addr, coalesce(c.name, o.cluster_id) as cluster, o.kind, o.namespace, o.name, o.segment, o.migrates
           from rock_mac.observations o left join rock_mac.clusters c using (cluster_id)
           where o.addr = any ($1::bigint[]) and o.cluster_id <> $2 and o.running and c.retired_at is null
           union all
           select a.addr, coalesce(c.name, a.cluster_id), a.owner_kind, a.owner_namespace, coalesce(a.owner_name, a.device_id), null, false
           from rock_mac.addresses a left join rock_mac.clusters c using (cluster_id)
           where a.addr = any ($1::bigint[]) and a.cluster_id is distinct from $2 and a.state in ('active', 'reserved')
           order by 1, 2, 3, 4, 5`,
    values: [macs.map(macToNumber), clusterId],
    row: userSchema,
  });
}
