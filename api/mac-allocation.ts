import { z } from 'zod';
import { anyMac, canonicalMac, conditions, duration, text, timestamp } from './fields.ts';
import { VISIBLE_IN_CEL, visibleText } from './visible-text.ts';
import { WELL_KNOWN_IN_CEL } from './well-known-metadata.ts';

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

/** The pod or VM that uses a claim. Where a pod runs matters when it vanishes before it was seen to end. */
const claimConsumer = consumerRef
  .extend({
    node: text('The node of a pod.').optional(),
    terminationGracePeriodSeconds: z
      .int()
      .min(0)
      .optional()
      .meta({ description: 'How long the pod may take to end.', format: 'int64' }),
  })
  .meta({ description: 'The object that uses the address.' });

export type ClaimConsumer = z.infer<typeof claimConsumer>;

/** The last pod of the name of a sticky claim, while it may still run although nobody sees it. */
const unreachableConsumer = z
  .object({
    node: text('The node on which the pod may still run.'),
    uid: text('Uid of the pod.', 64).optional(),
    terminationGracePeriodSeconds: z
      .int()
      .min(0)
      .optional()
      .meta({ description: 'How long the pod may take to end.', format: 'int64' }),
  })
  .meta({
    description:
      'The last pod of the name of a sticky claim, while it may still run on a node that does not respond. The next pod does not get the address.',
  });

export type UnreachableConsumer = z.infer<typeof unreachableConsumer>;

/** What happens to a sticky address beyond the replicas of its controller, in the words of a StatefulSet's policy for its volumes. */
const retention = z.enum(['Retain', 'Release']);

/** The workload whose name a sticky address belongs to. */
const stickyFor = z
  .object({
    apiVersion: text('API version of the workload.', 64).optional(),
    kind: text('Kind of the workload.', 63),
    name: text('Name of the workload.'),
    nic: text('The interface of the workload that uses the address.', 512),
    controller: z
      .object({
        apiVersion: text('API version of the controller.', 317),
        kind: text('Kind of the controller.', 63),
        name: text('Name of the controller.'),
      })
      .optional()
      .meta({ description: 'The controller that created the workload when it was last seen, such as a StatefulSet.' }),
    ordinal: z
      .int()
      .min(0)
      .optional()
      .meta({ description: 'The number of the workload among the replicas of its controller.', format: 'int64' }),
    retention: z
      .object({
        whenScaled: retention.meta({ description: 'What happens when the controller no longer counts this workload.' }),
        whenDeleted: retention.meta({ description: 'What happens when the controller is deleted.' }),
      })
      .optional()
      .meta({
        description:
          'What happens to the address without a workload. By default `Retain` when scaled and `Release` when deleted.',
      }),
  })
  .meta({
    description: 'The name that a sticky address belongs to. Set by the operator.',
    'x-kubernetes-validations': [
      {
        rule: 'self.kind == oldSelf.kind && self.name == oldSelf.name && self.nic == oldSelf.nic',
        message: 'kind, name and nic of stickyFor are immutable: delete this MacAllocation to end the stickiness',
      },
    ],
  });

export type StickyFor = z.infer<typeof stickyFor>;
export type StickyRetention = NonNullable<StickyFor['retention']>;

const ledgerRecord = z.object({
  generation: z.int().min(1).meta({ description: 'The number of owners that the address has had.', format: 'int64' }),
  clusterId: text('The id of this cluster in the ledger.', 64),
});

interface CelRule {
  readonly rule: string;
  readonly message: string;
}

/**
 * Returns a CEL rule for an optional field that must not change, be added or be removed. Each access to a field of the spec
 * makes the API server copy the schemas of all its fields, so the rule has as few as possible. The API server does not
 * estimate the cost of `self.?field == oldSelf.?field`.
 */
function immutable(field: string): CelRule {
  return {
    ...unchanged(field),
    rule: `has(self.${field}) ? has(oldSelf.${field}) && self.${field} == oldSelf.${field} : !has(oldSelf.${field})`,
  };
}

/** Returns a CEL rule on a field itself that must not change. It is cheaper, and says nothing about an absent field. */
function unchanged(field: string): CelRule {
  return { rule: 'self == oldSelf', message: `${field} is immutable: create a new MacAllocation instead` };
}

export const macAllocationSpec = z
  .object({
    pool: z
      .string()
      .min(1)
      .max(63)
      .meta({
        description: 'Name of the MacPool of the address. Immutable.',
        'x-kubernetes-validations': [unchanged('pool')],
      }),
    device: z
      .object({
        id: visibleText('Name of the device, such as a host name or a serial number.').optional(),
        type: visibleText('Type of the device, such as qemu-vm.', 63).optional(),
      })
      .optional()
      .meta({ description: 'The device that gets the address. Immutable.' }),
    requestedMac: anyMac(
      'A specific address instead of the next free one, in any usual notation. Immutable.',
    ).optional(),
    reserved: z
      .boolean()
      .default(false)
      .meta({
        description:
          'Reserves the address permanently, even after this object is deleted, until it is released by force. Immutable.',
        // Its default makes it always present.
        'x-kubernetes-validations': [unchanged('reserved')],
      }),
    attributes: z
      .record(z.string().max(63), visibleText('The value of the attribute.', 1024))
      .optional()
      .meta({
        description:
          'Free-form attributes of the device, stored with the address. `ip` is one or more IP addresses with commas, `hostname` a host name.',
        maxProperties: 64,
        'x-kubernetes-validations': [
          {
            rule: `self.all(key, key.matches(${VISIBLE_IN_CEL}))`,
            message: 'the name of an attribute contains a character that nobody sees',
          },
          ...WELL_KNOWN_IN_CEL,
        ],
      }),
    expiresAfter: duration(
      'How long the address is held after the last renewal. Without it, as long as this object exists.',
    ).optional(),
    renewedAt: timestamp('Set it to the current time to extend the expiry. This is the only mutable field.').optional(),
    requester: requester.optional(),
    consumerRef: consumerRef.optional(),
    stickyFor: stickyFor.optional(),
    mac: canonicalMac(
      'The address of a mirror or a sticky claim. That of another claim is in `status.mac`. Set by the operator, immutable.',
    )
      .meta({ 'x-kubernetes-validations': [unchanged('mac')] })
      .optional(),
    ledger: ledgerRecord
      .meta({
        description:
          'The record in the ledger of the address of a mirror or a sticky claim. Set by the operator, immutable.',
        'x-kubernetes-validations': [unchanged('ledger')],
      })
      .optional(),
  })
  .meta({
    description: 'The requested address of a claim, or the address of a mirror or a sticky claim.',
    'x-kubernetes-validations': [
      ...['device', 'requestedMac', 'attributes', 'expiresAfter', 'requester', 'consumerRef'].map(immutable),
      {
        rule: 'has(self.stickyFor) == has(oldSelf.stickyFor)',
        message: 'stickyFor can be neither added nor removed: create a new MacAllocation instead',
      },
      {
        // Only the operator may write a consumerRef or stickyFor, and nobody may add or remove them, so this protects all four.
        rule: 'has(self.consumerRef) ? has(self.mac) && has(self.ledger) && !has(self.stickyFor) : has(self.mac) == has(self.stickyFor) && has(self.ledger) == has(self.stickyFor)',
        message:
          'mac and ledger belong to a mirror or a sticky claim, with either consumerRef or stickyFor: use requestedMac',
      },
    ],
  });

export const macAllocationStatus = z
  .object({
    mac: canonicalMac('The address of a claim. Set once. That of a mirror is in `spec.mac`.').optional(),
    allocatedAt: timestamp('When the address was allocated.').optional(),
    expiresAt: timestamp('When the address is released if it is not renewed.').optional(),
    consumer: claimConsumer.optional(),
    unreachableConsumer: unreachableConsumer.optional(),
    conditions: conditions.optional(),
    observedGeneration: z
      .int()
      .min(0)
      .optional()
      .meta({ description: 'The generation of the spec that was last processed.' }),
    ledger: ledgerRecord
      .optional()
      .meta({ description: 'The record of the address in the ledger. A release must match it.' }),
  })
  .meta({
    description: 'The state of the address in the ledger. A mirror has one only while something is wrong with it.',
  });

/** The spec as users write it, before the API server fills in the defaults. */
export type MacAllocationSpec = z.input<typeof macAllocationSpec>;
export type MacAllocationStatus = z.infer<typeof macAllocationStatus>;

/** Returns whether the operator created this MacAllocation to show the address of one object. */
export function isMirror({ spec }: { readonly spec: MacAllocationSpec }): boolean {
  return spec.consumerRef !== undefined;
}

/** Returns whether the operator created this MacAllocation to show the address that belongs to the name of a workload. */
export function isStickyClaim({ spec }: { readonly spec: MacAllocationSpec }): boolean {
  return spec.stickyFor !== undefined;
}

/** Returns whether somebody else than the operator created this MacAllocation, to get an address. */
export function isClaim(allocation: { readonly spec: MacAllocationSpec }): boolean {
  return !isMirror(allocation) && !isStickyClaim(allocation);
}

/** Returns the address: that of a claim is in its status, and that of a mirror or a sticky claim is in its spec. */
export function macOf({ spec, status }: SpecAndStatus): string | undefined {
  return spec.mac ?? status?.mac;
}

/** Returns the record of the address in the ledger. */
export function ledgerRecordOf({ spec, status }: SpecAndStatus): MacAllocationStatus['ledger'] {
  return spec.ledger ?? status?.ledger;
}

interface SpecAndStatus {
  readonly spec: Pick<MacAllocationSpec, 'mac' | 'ledger'>;
  readonly status?: Pick<MacAllocationStatus, 'mac' | 'ledger'> | undefined;
}

/** Reasons of the Ready condition. Scripts and alerts use them: do not rename. */
export const READY_REASONS = [
  'Allocated',
  'Pending',
  'PoolNotFound',
  'PoolPaused',
  'PoolExhausted',
  'QuotaExceeded',
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

/**
 * The reason of the Bound condition, and of an Event, while a claim is held for a pod that vanished and may still run. On a sticky
 * claim it is a condition of its own, while the node of its last pod is not Ready.
 */
export const CONSUMER_UNREACHABLE = 'ConsumerUnreachable';

/** Returns whether a claim is held for a pod that vanished and may still run. */
export function isHeldForPod({
  conditions = [],
}: {
  readonly conditions?: readonly { readonly type: string; readonly reason: string }[] | undefined;
} = {}): boolean {
  return conditions.some(({ type, reason }) => type === 'Bound' && reason === CONSUMER_UNREACHABLE);
}
