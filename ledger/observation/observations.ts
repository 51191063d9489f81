import { z } from 'zod';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import { itemsJson } from '../address/address-ref.ts';
import { addrSchema, type Owner } from '../address/owner.ts';
import { type Queryable, queryOne, type Statement } from '../connection/statement.ts';

/** A live object that uses an address which it does not own. */
export interface Observation {
  readonly mac: MacAddress;
  readonly object: Owner & { readonly uid: string };
  /** Whether it counts toward the limits of its namespace and of the pool. */
  readonly limited: boolean;
  /** Whether it is an instance that names a migration, so that it may be the guest of another machine. */
  readonly migrates: boolean;
  /** Whether the object runs, as of the last report of its cluster. */
  readonly running: boolean;
  /** Where the network of the interface lies. Only addresses of one segment can meet. */
  readonly segment: string;
  /** When it was seen first. */
  readonly since: Date;
}

export const observationSchema: z.ZodType<Observation> = z
  .object({
    addr: addrSchema,
    cluster_id: z.string(),
    kind: z.string(),
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    nic: z.string(),
    limited: z.boolean(),
    migrates: z.boolean(),
    running: z.boolean(),
    segment: z.string(),
    observed_since: z.date(),
  })
  .transform(
    ({ addr, cluster_id, kind, namespace, name, uid, nic, limited, migrates, running, segment, observed_since }) => ({
      mac: addr,
      object: { clusterId: cluster_id, kind, namespace, name, uid, nic },
      limited,
      migrates,
      running,
      segment,
      since: observed_since,
    }),
  );

/** The columns that `observationSchema` reads. */
export const observationColumns =
  'addr, cluster_id, kind, namespace, name, uid, nic, limited, migrates, running, segment, observed_since';

function selectObservations(where: string, values: readonly unknown[]): Statement<Observation> {
  return {
    text: `select ${observationColumns}
           from rock_mac.observations where ${where} order by addr, cluster_id, uid, nic`,
    values,
    row: observationSchema,
  };
}

/** Returns all observations of a cluster. */
export function observationsOfCluster(db: Queryable, clusterId: string): Promise<Observation[]> {
  return db.query(selectObservations('cluster_id = $1', [clusterId]));
}

/** Returns the observations of objects of a cluster. */
export function observationsOfObjects(
  db: Queryable,
  { clusterId, uids }: Pick<Owner, 'clusterId'> & { readonly uids: readonly string[] },
): Promise<Observation[]> {
  return db.query(selectObservations('cluster_id = $1 and uid = any ($2::text[])', [clusterId, [...uids]]));
}

/** Returns the observations of one address, in all clusters. */
export function observationsOfMac(db: Queryable, mac: MacAddress): Promise<Observation[]> {
  return db.query(selectObservations('addr = $1', [macToNumber(mac)]));
}

/** Returns the observations of these addresses, in all clusters but retired ones, whose objects nobody reports any more. */
export function observationsOfMacs(db: Queryable, macs: readonly MacAddress[]): Promise<Observation[]> {
  const ofLiving = 'cluster_id not in (select c.cluster_id from rock_mac.clusters c where c.retired_at is not null)';
  return db.query(selectObservations(`addr = any ($1::bigint[]) and ${ofLiving}`, [macs.map(macToNumber)]));
}

/**
 * Ends observations and returns their number. An address that nothing observes any more can be handed out again after the
 * reuse delay of its pool.
 */
export async function endObservations(
  db: Queryable,
  observations: readonly Pick<Observation, 'mac' | 'object'>[],
): Promise<number> {
  const { ended } = await queryOne(db, {
    text: `select rock_mac.end_observations($1::jsonb) as ended`,
    values: [itemsJson(observations, ({ object: { clusterId, uid, nic } }) => ({ cluster: clusterId, uid, nic }))],
    row: z.object({ ended: z.int() }),
  });
  return ended;
}
