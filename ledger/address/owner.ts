import { z } from 'zod';
import { type MacAddress, numberToMac } from '../../mac/mac-address.ts';
import { storableText } from '../column-schemas.ts';

/** The NIC of an object in a cluster, or a claim. */
export interface Owner {
  /** uid of the cluster's kube-system namespace */
  readonly clusterId: string;
  readonly kind: string;
  readonly namespace: string;
  /** Empty while the object has no name (generateName). */
  readonly name: string;
  /** Absent until the object is stored. */
  readonly uid?: string | undefined;
  readonly nic: string;
}

/** A device outside clusters, with the names its user gave it. */
export interface Device {
  readonly id?: string | undefined;
  readonly type?: string | undefined;
}

export const ADDRESS_STATES = ['stocked', 'pending', 'active', 'reserved', 'released', 'orphaned'] as const;
export type AddressState = (typeof ADDRESS_STATES)[number];

/** The current owner in a refusal. The program decides whether the caller may see it. */
export interface Holder {
  readonly state: AddressState;
  readonly owner?: Owner | undefined;
  readonly device?: Device | undefined;
  /** When its lease, its expiry, or the reuse delay of a released address ends. */
  readonly until?: Date | undefined;
}

/** Limits for the fields of an owner: what Kubernetes allows, with some room. */
export const ownerSchema = z.object({
  clusterId: storableText(64).refine((id) => id !== '', 'is empty'),
  kind: storableText(64).refine((kind) => kind !== '', 'is empty'),
  namespace: storableText(253),
  name: storableText(253),
  uid: storableText(128).optional(),
  nic: storableText(512),
});

export const deviceSchema = z.object({ id: storableText(512).optional(), type: storableText(128).optional() });

/** How many addresses a namespace may hold. The ledger's type for it is `int`. */
export const maxAddressesSchema = z.int().min(0).max(2_147_483_647);

export const stateSchema = z.enum(ADDRESS_STATES);

/** Parses an address from its number in the ledger. */
export const addrSchema: z.ZodType<MacAddress> = z.int().transform((addr) => numberToMac(addr));

/** The columns of an owner, as `rock_mac.holder_of` returns them. */
export const holderSchema = z
  .object({
    clusterId: z.string(),
    kind: z.string(),
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    nic: z.string(),
    deviceId: z.string(),
    deviceType: z.string(),
  })
  .partial();

type HolderColumns = z.infer<typeof holderSchema>;

/** Returns the owner and the device of a row: one of them, both (a claim for a device), or none (a replication gap). */
export function whoHolds(row: HolderColumns): { owner?: Owner; device?: Device } {
  const { clusterId, kind = '', namespace = '', name = '', uid, nic = '', deviceId, deviceType } = row;
  return {
    ...(clusterId === undefined ? {} : { owner: { clusterId, kind, namespace, name, uid, nic } }),
    ...(deviceId === undefined && deviceType === undefined ? {} : { device: { id: deviceId, type: deviceType } }),
  };
}
