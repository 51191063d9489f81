import { z } from 'zod';

/*
 * What the read API shows of the ledger, for people, kubectl and the plugin. It only grows: a reader ignores what it does
 * not know.
 */

const say = (description: string) => z.string().meta({ description });
const moment = (description: string) => z.string().meta({ description, format: 'date-time' });
const number = (description: string) => z.int().meta({ description });

const metadata = z
  .object({
    name: say('The name of the object.'),
    creationTimestamp: moment('When that began which the object shows.').optional(),
  })
  .meta({ description: 'Name and age. There is no uid and no resourceVersion: nothing of it is stored as an object.' });

const owner = z
  .object({
    clusterId: say('The uid of the kube-system namespace of its cluster.'),
    kind: say('Kind of the object.'),
    namespace: say('Namespace of the object.'),
    name: say('Name of the object; empty while it has none yet.'),
    uid: say('Uid of the object, once it was stored.').optional(),
    nic: say('The interface that carries the address.'),
  })
  .meta({ description: 'The object of a cluster that holds the address, or held it last.' });

const device = z
  .object({
    id: say('Name of the device.').optional(),
    type: say('What the device is.').optional(),
  })
  .meta({ description: 'The device that the address is for.' });

const consumer = z
  .object({
    kind: say('Kind of the object.'),
    name: say('Name of the object, in the namespace of the claim.'),
    nic: say('The interface that carries the address.'),
  })
  .meta({ description: 'The pod or virtual machine that uses the claim now.' });

const envelope = { apiVersion: z.string(), kind: z.string(), metadata };

export const ledgerAddress = z
  .object({
    ...envelope,
    pool: say('The pool that the address belongs to.'),
    state: say('pending, active, reserved, released or orphaned.'),
    generation: number('Counts its owners: one more at every new one.'),
    origin: say('How its owner came by it: allocate, adopt, import or replication-gap.'),
    owner: owner.optional(),
    device: device.optional(),
    consumer: consumer.optional(),
    attributes: z
      .record(z.string(), z.unknown())
      .optional()
      .meta({ description: 'Free information about the device.' }),
    allocatedAt: moment('When its owner got it.'),
    changedAt: moment('When its state, generation, owner or consumer last changed.'),
    expiresAt: moment(
      'When it ends by itself: the lease of a pending address, the expiry of a device or a claim.',
    ).optional(),
    releasedAt: moment('When it was given up.').optional(),
    reusableAt: moment('When somebody else may get it.').optional(),
    missingSince: moment('Since when its cluster does not see the object that holds it.').optional(),
    keptSince: moment('Since when a reserved address has no claim any more.').optional(),
    requester: say('Who asked for it.'),
    actor: say('Which program or person made the last change.'),
    reason: say('Why the last change was made.'),
  })
  .meta({ description: 'One address that was ever handed out, in any cluster or to any device.' });

export const ledgerAuditEntry = z
  .object({
    ...envelope,
    timestamp: moment('When it happened, by the clock of the ledger.'),
    action: say('allocate, reserve, adopt, import, bind, release, restore, orphan, keep, consume or change.'),
    mac: say('The address. Absent in rows that an older tool wrote about a device.').optional(),
    pool: say('The pool of the address.'),
    deviceId: say('The device that the address was for.').optional(),
    user: say('On whose behalf it was done.'),
    actor: say('Which program or person did it.'),
    reason: say('Why it was done.'),
    generation: number('The generation of the address after the change.').optional(),
    stateBefore: say('The state before the change.').optional(),
    state: say('The state after the change.').optional(),
    clusterId: say('The cluster of the owner.').optional(),
    owner: say('The owner as kind/namespace/name/nic.').optional(),
    details: z.record(z.string(), z.unknown()).meta({ description: 'More about the change.' }),
  })
  .meta({ description: 'One change of one address.' });

export const ledgerPool = z
  .object({
    ...envelope,
    description: say('What the pool is for.'),
    first: say('First address of the range.'),
    last: say('Last address of the range.'),
    capacity: number('How many addresses the range has.'),
    active: number('Held by an object or a device.'),
    pending: number('Handed out in an admission answer; the stored object has not been seen yet.'),
    reserved: number('Held until released by force.'),
    released: number('Given up.'),
    orphaned: number('Of an owner that cannot be confirmed dead.'),
    free: number('Not held: never used, or released (also within the reuse delay).'),
    reusableNow: number('What could be handed out this moment.'),
    utilisation: z.number().meta({ description: 'Percent of the capacity that is held.' }),
    totalAllocated: number('Owners that addresses of the pool ever had.'),
    totalReleased: number('How many of them gave theirs up.'),
    paused: z.boolean().meta({ description: 'A paused pool hands out nothing.' }),
  })
  .meta({ description: 'A pool of the ledger with its counts over all clusters and devices.' });

export type LedgerAddress = z.infer<typeof ledgerAddress>;
export type LedgerAuditEntry = z.infer<typeof ledgerAuditEntry>;
export type LedgerClient = z.infer<typeof ledgerPool>;

/** The kinds of the read API, all of the whole ledger and therefore cluster-scoped. */
export const LEDGER_KINDS = [
  { plural: 'addresses', singular: 'address', kind: 'Address', schema: ledgerAddress },
  { plural: 'auditentries', singular: 'auditentry', kind: 'AuditEntry', schema: ledgerAuditEntry },
  { plural: 'pools', singular: 'pool', kind: 'Pool', schema: ledgerPool },
] as const;

export type LedgerPlural = (typeof LEDGER_KINDS)[number]['plural'];
