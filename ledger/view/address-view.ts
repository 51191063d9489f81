import type { AddressObject } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import { mac, type MacAddress } from '../../mac/mac-address.ts';
import type { AddressRow } from '../address/address-row.ts';
import { ADDRESS_STATES, type AddressState, type Device, type Owner } from '../address/owner.ts';

/**
 * An address as the CLI and the read API show it: a row of the ledger without its holder key and the leases of its
 * consumer. The holder key authorizes a release, so it is never shown.
 */
export interface AddressView {
  readonly mac: MacAddress;
  readonly pool: string;
  readonly state: AddressState;
  readonly generation: number;
  readonly origin: string;
  readonly owner?: Owner | undefined;
  readonly device?: Device | undefined;
  /** The pod or VM that uses a claim now. */
  readonly consumer?: { readonly kind: string; readonly name: string; readonly nic: string } | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly allocatedAt: Date;
  readonly changedAt: Date;
  readonly expiresAt?: Date | undefined;
  readonly releasedAt?: Date | undefined;
  readonly reusableAt?: Date | undefined;
  readonly missingSince?: Date | undefined;
  readonly keptSince?: Date | undefined;
  readonly requester: string;
  readonly actor: string;
  readonly reason: string;
}

/** Returns the part of a row that may be shown. */
export function addressView(row: AddressRow): AddressView {
  const { kind, name, nic } = row.consumer ?? {};
  return {
    mac: row.mac,
    pool: row.pool,
    state: row.state,
    generation: row.generation,
    origin: row.origin,
    owner: row.owner,
    device: row.device,
    consumer: kind === undefined || name === undefined || nic === undefined ? undefined : { kind, name, nic },
    metadata: row.metadata,
    allocatedAt: row.allocatedAt,
    changedAt: row.changedAt,
    expiresAt: row.expiresAt,
    releasedAt: row.releasedAt,
    reusableAt: row.reusableAt,
    missingSince: row.missingSince,
    keptSince: row.keptSince,
    requester: row.requester,
    actor: row.actor,
    reason: row.reason,
  };
}

/** Returns the object of the read API for an address. */
export function encodeAddress(view: AddressView): AddressObject {
  const { mac: name, metadata, allocatedAt, changedAt, ...rest } = view;
  return {
    apiVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`,
    kind: 'Address',
    metadata: { name, creationTimestamp: wholeSeconds(allocatedAt) },
    ...rest,
    attributes: Object.keys(metadata).length === 0 ? undefined : { ...metadata },
    allocatedAt: allocatedAt.toISOString(),
    changedAt: changedAt.toISOString(),
    expiresAt: view.expiresAt?.toISOString(),
    releasedAt: view.releasedAt?.toISOString(),
    reusableAt: view.reusableAt?.toISOString(),
    missingSince: view.missingSince?.toISOString(),
    keptSince: view.keptSince?.toISOString(),
  };
}

/** Returns the address of an object of the read API. A state that this version does not know counts as orphaned. */
export function decodeAddress(object: AddressObject): AddressView {
  const { metadata, pool, state, generation, origin, owner, device, consumer, attributes, ...rest } = object;
  return {
    mac: mac(metadata.name),
    pool,
    state: decodeState(state) ?? 'orphaned',
    generation,
    origin,
    owner,
    device,
    consumer,
    metadata: attributes ?? {},
    allocatedAt: new Date(rest.allocatedAt),
    changedAt: new Date(rest.changedAt),
    expiresAt: dateOf(rest.expiresAt),
    releasedAt: dateOf(rest.releasedAt),
    reusableAt: dateOf(rest.reusableAt),
    missingSince: dateOf(rest.missingSince),
    keptSince: dateOf(rest.keptSince),
    requester: rest.requester,
    actor: rest.actor,
    reason: rest.reason,
  };
}

/** Returns the state with this name, or `undefined` for one that this version does not know. */
export function decodeState(text: string | undefined): AddressState | undefined {
  return ADDRESS_STATES.find((state) => state === text);
}

function dateOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}

/** Formats a moment as metav1.Time, which has whole seconds. */
export function wholeSeconds(moment: Date): string {
  return moment.toISOString().replace(/\.\d+Z$/, 'Z');
}
