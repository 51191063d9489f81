import { z } from 'zod';
import { anyMac, canonicalMac, conditions, duration, text, timestamp } from './fields.ts';

/** The requester, as authenticated by the API server. */
const requester = z
  .object({
    username: text('User name of the requester.', 256),
    uid: text('The uid of that user, if the authenticator provides one.', 256).optional(),
    groups: z.array(text('Name of a group.', 256)).max(64).optional().meta({
      description: 'The groups of that user.',
      'x-kubernetes-list-type': 'atomic',
    }),
  })
  .meta({ description: 'The user who requested the address. Set at admission; a value from a client is replaced.' });

/** The pod or VM that uses the address, and its interface. */
const consumerRef = z
  .object({
    apiVersion: text('API version of the object.', 64),
    kind: text('Kind of the object.', 63),
    name: text('Name of the object.'),
    uid: text('Uid of the object.', 64),
    nic: text('The interface of the object that uses the address.', 512),
  })
  .meta({ description: 'The object that uses the address.' });

export type ConsumerRef = z.infer<typeof consumerRef>;

/** Returns a CEL rule for an optional field that must not change, be added or be removed. */
function immutable(field: string): { rule: string; message: string } {
  return {
    rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
    message: `${field} is immutable: create a new MacAllocation instead`,
  };
}

export const macAllocationSpec = z
  .object({
    pool: z.string().min(1).max(63).meta({ description: 'Name of the MacPool of the address. Immutable.' }),
    device: z
      .object({
        id: text('Name of the device, such as a host name or a serial number.').optional(),
        type: text('Type of the device, such as qemu-vm.', 63).optional(),
      })
      .optional()
      .meta({ description: 'The device that gets the address. Immutable.' }),
    requestedMac: anyMac(
      'A specific address instead of the next free one, in any usual notation. Immutable.',
    ).optional(),
    reserved: z.boolean().default(false).meta({
      description:
        'Reserves the address permanently, even after this object is deleted, until it is released by force.',
    }),
    attributes: z
      .record(z.string().max(63), z.string().max(1024))
      .optional()
      .meta({ description: 'Free-form attributes of the device, stored with the address.', maxProperties: 64 }),
    expiresAfter: duration(
      'How long the address is held after the last renewal. If it is not set, the address is held as long as this object exists.',
    ).optional(),
    renewedAt: timestamp('Set it to the current time to extend the expiry. This is the only mutable field.').optional(),
    requester: requester.optional(),
    consumerRef: consumerRef.optional(),
  })
  .meta({
    description: 'The requested address.',
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
    allocatedAt: timestamp('When the address was allocated.').optional(),
    expiresAt: timestamp('When the address is released if it is not renewed.').optional(),
    consumer: consumerRef.optional(),
    conditions: conditions.optional(),
    observedGeneration: z
      .int()
      .min(0)
      .optional()
      .meta({ description: 'The generation of the spec that was last processed.' }),
    ledger: z
      .object({
        generation: z
          .int()
          .min(1)
          .meta({ description: 'The number of owners that the address has had.', format: 'int64' }),
        clusterId: text('The id of this cluster in the ledger.', 64),
      })
      .optional()
      .meta({ description: 'The record of the address in the ledger. A release must match it.' }),
  })
  .meta({ description: 'The state of the address in the ledger.' });

/** The spec as users write it, before the API server fills in the defaults. */
export type MacAllocationSpec = z.input<typeof macAllocationSpec>;
export type MacAllocationStatus = z.infer<typeof macAllocationStatus>;

/** Reasons of the Ready condition. Scripts and alerts use them: do not rename. */
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
