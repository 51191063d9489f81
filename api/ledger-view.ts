import { z } from 'zod';
import { POOL_STRATEGIES } from './pool-strategy.ts';

/*
 * The objects of the read API, for kubectl, the plugin and other clients. Fields are only added: clients ignore fields that
 * they do not know.
 */

const text = (description: string) => z.string().meta({ description });
const moment = (description: string) => z.string().meta({ description, format: 'date-time' });
const number = (description: string) => z.int().meta({ description });

const metadata = z
  .object({
    name: text('The name of the object.'),
    creationTimestamp: moment('When the address was allocated, or when the change happened.').optional(),
  })
  .meta({ description: 'Name and age. There is no uid and no resourceVersion, because no object is stored.' });

const owner = z
  .object({
    clusterId: text('The uid of the kube-system namespace of its cluster.'),
    kind: text('Kind of the object.'),
    namespace: text('Namespace of the object.'),
    name: text('Name of the object; empty while it has none yet.'),
    uid: text('Uid of the object, once it is stored.').optional(),
    nic: text('The network interface that uses the address.'),
  })
  .meta({ description: 'The object of a cluster that holds the address, or held it last.' });

const device = z
  .object({
    id: text('Name of the device.').optional(),
    type: text('Kind of the device, such as qemu-vm.').optional(),
  })
  .meta({ description: 'The device that holds the address.' });

const consumer = z
  .object({
    kind: text('Kind of the object.'),
    name: text('Name of the object, in the namespace of the claim.'),
    nic: text('The network interface that uses the address.'),
  })
  .meta({ description: 'The pod or virtual machine that uses the claim now.' });

const receiver = z
  .object({
    clusterId: text('The uid of the kube-system namespace of its cluster.'),
    clusterName: text('The name of its cluster.').optional(),
    namespace: text('Namespace of the virtual machine.'),
    name: text('Name of the virtual machine.'),
    since: moment('When the ledger recorded the offer.'),
    left: z.boolean().meta({ description: 'Whether the owner has ended, so that the receiver may take the address.' }),
  })
  .meta({ description: 'The virtual machine that receives the address when the one that holds it ends.' });

const envelope = { apiVersion: z.string(), kind: z.string(), metadata };

export const addressObject = z
  .object({
    ...envelope,
    pool: text('The pool of the address.'),
    state: text('stocked, pending, active, reserved, released or orphaned.'),
    generation: number('Number of owners so far: increases by one with every new owner.'),
    origin: text(
      'How the owner got the address: allocate, adopt, import, replication-gap, or observe (it never had an owner).',
    ),
    observed: z
      .boolean()
      .optional()
      .meta({ description: 'Whether a live object uses the address without owning it, so that it is not handed out.' }),
    sticky: z.boolean().optional().meta({
      description: 'Whether the address belongs to the name of its object, and stays when the object is made again.',
    }),
    owner: owner.optional(),
    clusterName: text("The name of the owner's cluster.").optional(),
    device: device.optional(),
    consumer: consumer.optional(),
    offeredTo: receiver.optional(),
    attributes: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({ description: 'Free-form information about the device.' }),
    allocatedAt: moment('When the owner got the address.'),
    changedAt: moment('When the state, generation, owner or consumer last changed.'),
    expiresAt: moment(
      'When it expires: the lease of a pending address, or the expiry of a device or a claim.',
    ).optional(),
    releasedAt: moment('When it was released.').optional(),
    reusableAt: moment('When another owner may get it.').optional(),
    missingSince: moment(
      'Since when its cluster no longer sees the object that holds it. Of a sticky address: since when no object uses it.',
    ).optional(),
    unreachableNode: text(
      'The node on which the last pod of a sticky address may still run, so that the next one does not get the address.',
    ).optional(),
    keptSince: moment('Since when a reserved address has no claim.').optional(),
    requester: text('Who requested the address.'),
    actor: text('The program or person that made the last change.'),
    reason: text('Why the last change was made.'),
  })
  .meta({ description: 'One address that is or was in use, in any cluster or by any device.' });

export const auditEntryObject = z
  .object({
    ...envelope,
    timestamp: moment('When the change happened, by the clock of the ledger.'),
    action: text(
      'stock, allocate, reserve, adopt, import, bind, release, restore, orphan, keep, consume, unreachable, reachable or change.',
    ),
    mac: text('The address. Absent in imported rows that name a device instead.').optional(),
    pool: text('The pool of the address.'),
    deviceId: text('The device that held the address.').optional(),
    user: text('The user on whose behalf the change was made.'),
    actor: text('The program or person that made the change.'),
    reason: text('Why the change was made.'),
    login: text('The database login that made the change.').default(''),
    generation: number('The generation of the address after the change.').optional(),
    stateBefore: text('The state before the change.').optional(),
    state: text('The state after the change.').optional(),
    clusterId: text('The cluster of the owner.').optional(),
    owner: text('The owner as kind/namespace/name/nic.').optional(),
    details: z.record(z.string(), z.unknown()).meta({ description: 'More about the change.' }),
  })
  .meta({ description: 'One change of one address.' });

export const poolObject = z
  .object({
    ...envelope,
    description: text('What the pool is for.'),
    first: text('First address of the range.'),
    last: text('Last address of the range.'),
    capacity: number('Number of addresses in the range.'),
    active: number('Addresses held by an object or a device.'),
    pending: number('Addresses allocated during admission whose object has not been seen in the cluster yet.'),
    stocked: number('Addresses that are set aside for webhooks, which give them to new pods.').optional(),
    reserved: number('Addresses held until they are released with --force.'),
    released: number('Released addresses.'),
    orphaned: number('Addresses whose owner may or may not still exist.'),
    observed: number('Addresses that live objects use without owning them. They are not handed out.').optional(),
    free: number('Addresses that can be allocated now: never used, or released and past the reuse delay.'),
    utilisation: z.number().meta({ description: 'Percentage of the capacity that is held.' }),
    totalAllocated: number('Number of allocations in total.'),
    totalReleased: number('Number of releases in total.'),
    waiting: number('Released addresses that cannot be allocated yet, because of the reuse delay.').optional(),
    cursor: text('The next address that was never used. Absent in a random pool.').optional(),
    strategy: z
      .enum(POOL_STRATEGIES)
      .optional()
      .meta({ description: 'The order of addresses that were never used: sequential or random.' }),
    paused: z.boolean().meta({ description: 'Whether the pool is paused. A paused pool allocates no addresses.' }),
  })
  .meta({ description: 'A pool of the ledger, with counts over all clusters and devices.' });

export const poolHourObject = z
  .object({
    ...envelope,
    pool: text('The pool.'),
    hour: moment('The beginning of the hour.'),
    held: number('Addresses that are held at the end of the hour, those that are set aside for webhooks included.'),
    handedOut: number('Addresses that got a new owner.'),
    released: number('Addresses that were released.'),
  })
  .meta({ description: 'What happened in a pool in one hour. An hour without a change has no object.' });

export const stateMapObject = z
  .object({
    ...envelope,
    count: number('Number of addresses, from the one that the map is named after.'),
    states: text(
      'One byte for each address, in base64. 0 never used, 1 free again, 2 waiting for reuse, 3 pending, 4 active, 5 reserved, 6 stocked, 7 orphaned, 8 observed, 9 sticky and unused. With the parameter search, 128 is added where the text is found.',
    ),
  })
  .meta({ description: 'The states of consecutive addresses.' });

export const clusterObject = z
  .object({
    ...envelope,
    clusterName: text('The name of the cluster, for people.'),
    registeredAt: moment('When it registered.'),
    adoptedAt: moment('When its initial sync ended. Before that it may not allocate.').optional(),
    lastResyncAt: moment('When it last compared its objects with the ledger.').optional(),
    retiredAt: moment('When it was retired.').optional(),
    sharedSince: moment('Since when another control plane with its identity waits for a decision.').optional(),
    reportedEpoch: number('The last epoch of the ledger in which it reported its addresses in use.'),
    addresses: number('Addresses that it holds.'),
    orphaned: number('How many of them are orphaned.'),
    objects: number('Objects that hold them.'),
    observed: number('Addresses that its objects use without owning them.'),
  })
  .meta({ description: 'A cluster that uses the ledger, or did.' });

export const sealObject = z
  .object({
    ...envelope,
    epoch: number('The epoch of the ledger.'),
    isFork: z.boolean().meta({ description: 'Whether it is the first after a recovery, which may have lost seals.' }),
    rows: number('How many rows of the audit it seals.'),
    reached: number('The id of the last audit row that was committed when it was made.'),
    sealedAt: moment('When it was made.'),
    hash: text('Its hash, in hexadecimal digits.'),
  })
  .meta({ description: 'A seal over rows of the audit. Its name is its number.' });

const prefixObject = z
  .object({
    prefix: text('2 to 10 hex digits, with colons.'),
    kind: z.enum(['ieee', 'local', 'vendor']).meta({
      description: 'ieee (assigned to us), local (locally administered) or vendor (assigned to a vendor).',
    }),
    note: text('What it is for.'),
    addedAt: moment('When it was added.'),
    addedBy: text('Who added it.'),
  })
  .meta({ description: 'A prefix of the ledger. Every pool lies under one of them.' });

export const ledgerObject = z
  .object({
    ...envelope,
    prefixes: z.array(prefixObject).meta({ description: 'What its addresses begin with.' }),
    epoch: number('Increases by one at every recovery.'),
    mode: text('open, recovering or paused.'),
    durability: text('single or quorum.'),
    closed: text('Why it hands out no addresses, with the next step. Absent while it does.').optional(),
    expiryHeld: text('Why nothing is released by time, with the next step. Absent while time counts.').optional(),
    waitsFor: z.array(z.string()).meta({ description: 'The names of the clusters that a recovery waits for.' }),
    needsApproval: z.boolean().meta({ description: 'Whether an admin must approve a recovery.' }),
    auditHead: number('The id of the last row of the audit.'),
    unsealed: number('Rows of the audit that are in no seal.'),
    forks: number('Recoveries that may have lost seals.'),
    lastSeal: z
      .object({
        seq: number('Its number.'),
        sealedAt: moment('When it was made.'),
        hash: text('Its hash, in hexadecimal digits.'),
      })
      .meta({ description: 'The last seal over the audit.' })
      .optional(),
    schemaVersion: number('The version of its schema.'),
    postgresVersion: text('The version of its Postgres.'),
    operatorVersion: text('The version of the operator that answers.').optional(),
  })
  .meta({ description: 'The ledger. There is one, and its name is its id.' });

export const observationObject = z
  .object({
    ...envelope,
    mac: text('The address.'),
    pool: text('The pool whose range has the address. Absent if it is in none.').optional(),
    clusterName: text('The name of the cluster of the object.').optional(),
    object: owner.meta({ description: 'The object that uses the address without owning it.' }),
    running: z.boolean().meta({ description: 'Whether the object runs, as of the last report of its cluster.' }),
    segment: text('The segment that its network names, if any.').optional(),
    since: moment('When it was seen first.'),
  })
  .meta({ description: 'An address that a live object uses and that the ledger did not give to it.' });

export type AddressObject = z.infer<typeof addressObject>;
export type AuditEntryObject = z.infer<typeof auditEntryObject>;
export type ObservationObject = z.infer<typeof observationObject>;
export type PoolObject = z.infer<typeof poolObject>;
export type PoolHourObject = z.infer<typeof poolHourObject>;
export type StateMapObject = z.infer<typeof stateMapObject>;
export type ClusterObject = z.infer<typeof clusterObject>;
export type SealObject = z.infer<typeof sealObject>;
export type LedgerObject = z.infer<typeof ledgerObject>;

/** The kinds of the read API. They show the whole ledger, so they are cluster-scoped. */
export const LEDGER_KINDS = [
  { plural: 'addresses', singular: 'address', kind: 'Address', schema: addressObject },
  { plural: 'auditentries', singular: 'auditentry', kind: 'AuditEntry', schema: auditEntryObject },
  { plural: 'clusters', singular: 'cluster', kind: 'Cluster', schema: clusterObject },
  { plural: 'ledgers', singular: 'ledger', kind: 'Ledger', schema: ledgerObject },
  { plural: 'poolhours', singular: 'poolhour', kind: 'PoolHour', schema: poolHourObject },
  { plural: 'observations', singular: 'observation', kind: 'Observation', schema: observationObject },
  { plural: 'pools', singular: 'pool', kind: 'Pool', schema: poolObject },
  { plural: 'seals', singular: 'seal', kind: 'Seal', schema: sealObject },
  { plural: 'statemaps', singular: 'statemap', kind: 'StateMap', schema: stateMapObject },
] as const;

export type LedgerPlural = (typeof LEDGER_KINDS)[number]['plural'];
