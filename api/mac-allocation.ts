import { z } from 'zod';
import { anyMac, canonicalMac, conditions, duration, text, timestamp } from './fields.ts';

/** Who asked, as the API server's authentication saw them. */
const requester = z
  .object({
    username: text('User name of the one who asked.', 256),
    uid: text('The uid of that user, where the authenticator gives one.', 256).optional(),
    groups: z.array(text('A group.', 256)).max(64).optional().meta({
      description: 'The groups of that user.',
      'x-kubernetes-list-type': 'atomic',
    }),
  })
  .meta({ description: 'Who asked for the address. Stamped at admission; what a client writes here is replaced.' });

/** The pod or VM that carries the address, down to the interface. */
const consumerRef = z
  .object({
    apiVersion: text('API version of the object.', 64),
    kind: text('Kind of the object.', 63),
    name: text('Name of the object.'),
    uid: text('Uid of the object.', 64),
    nic: text('The interface of the object that carries the address.', 512),
  })
  .meta({ description: 'The object that carries the address.' });

export type ConsumerRef = z.infer<typeof consumerRef>;

/** An optional field that may never change: neither to another value, nor from or to absence. */
function immutable(field: string): { rule: string; message: string } {
  return {
    rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
    message: `${field} is immutable: create a new MacAllocation instead`,
  };
}

export const macAllocationSpec = z
  .object({
    pool: z
      .string()
      .min(1)
      .max(63)
      .meta({ description: 'Name of the MacPool that the address comes from. Immutable.' }),
    device: z
      .object({
        id: text('Name of the device, such as a host name or a serial number.').optional(),
        type: text('What the device is, such as qemu-vm.', 63).optional(),
      })
      .optional()
      .meta({ description: 'The device that gets the address. Immutable.' }),
    requestedMac: anyMac(
      'A specific address instead of the next free one, in any usual notation. Immutable.',
    ).optional(),
    reserved: z
      .boolean()
      .default(false)
      .meta({ description: 'Holds the address for good, also after this object is deleted, until released by force.' }),
    attributes: z
      .record(z.string().max(63), z.string().max(1024))
      .optional()
      .meta({ description: 'Free text about the device, kept with the address.', maxProperties: 64 }),
    expiresAfter: duration(
      'How long the address is held after the last renewal. Without it, as long as this object exists.',
    ).optional(),
    renewedAt: timestamp('Set to the current time to move the expiry. The one field that may change.').optional(),
    requester: requester.optional(),
    consumerRef: consumerRef.optional(),
  })
  .meta({
    description: 'What is asked for.',
    'x-kubernetes-validations': [
      'pool',
      'device',
      'requestedMac',
      'reserved',
      'attributes',
      'expiresAfter',
      'requester',
      'consumerRef',
    ].map(immutable),
  });

export const macAllocationStatus = z
  .object({
    mac: canonicalMac('The address. Set once.').optional(),
    allocatedAt: timestamp('When the address was handed out.').optional(),
    expiresAt: timestamp('When the address is released unless it is renewed.').optional(),
    consumer: consumerRef.optional(),
    conditions: conditions.optional(),
    observedGeneration: z
      .int()
      .min(0)
      .optional()
      .meta({ description: 'The generation of the spec that was last acted on.' }),
    ledger: z
      .object({
        generation: z.int().min(1).meta({ description: 'How many owners the address has had.', format: 'int64' }),
        clusterId: text('The cluster under which the ledger knows this object.', 64),
      })
      .optional()
      .meta({ description: 'How the ledger knows the address; what a release is compared with.' }),
  })
  .meta({ description: 'What the ledger holds.' });

/** As somebody may write it: the API server puts the defaults in. */
export type MacAllocationSpec = z.input<typeof macAllocationSpec>;
export type MacAllocationStatus = z.infer<typeof macAllocationStatus>;

/** Reasons of the Ready condition. Scripts and alerts read them: do not rename. */
export const READY_REASONS = [
  'Allocated',
  'Pending',
  'PoolNotFound',
  'PoolPaused',
  'PoolExhausted',
  'RequestedMacInUse',
  'RequestedMacOutOfRange',
  'InvalidSpec',
  'LedgerUnavailable',
  'LedgerRecovering',
  'Expired',
  'Releasing',
  'ReleaseBlocked',
] as const;

export type ReadyReason = (typeof READY_REASONS)[number];
