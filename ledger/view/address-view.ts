import type { AddressObject } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import { mac } from '../../mac/mac-address.ts';
import type { AddressRow, Consumer, Handover } from '../address/address-row.ts';
import { isStickyKey } from '../address/holder-key.ts';
import { ADDRESS_STATES, type AddressState } from '../address/owner.ts';

type ShownConsumer = Pick<Consumer, 'kind' | 'name' | 'nic'>;

type ShownReceiver = Pick<Handover, 'clusterId' | 'clusterName' | 'namespace' | 'name' | 'since' | 'left'>;

/**
 * An address as the CLI and the read API show it: a row of the ledger without its holder key and the key and leases of
 * its consumer. The holder key authorizes a release, so it is never shown.
 */
export interface AddressView extends Omit<AddressRow, 'key' | 'origin' | 'consumer' | 'handover'> {
  /** A newer ledger may know more origins. */
  readonly origin: string;
  readonly consumer?: ShownConsumer | undefined;
  /** The machine that receives it when the one that holds it ends. */
  readonly offeredTo?: ShownReceiver | undefined;
  /** Whether it belongs to the name of its object, and stays when the object is made again. */
  readonly sticky?: boolean | undefined;
}

/** Returns the part of a row that may be shown. */
export function addressView({ key, consumer, handover, ...shown }: AddressRow): AddressView {
  return {
    ...shown,
    sticky: shown.state !== 'released' && isStickyKey(key) ? true : undefined,
    offeredTo: handover && shownReceiver(handover),
    consumer: consumer && { kind: consumer.kind, name: consumer.name, nic: consumer.nic },
  };
}

function shownReceiver({ clusterId, clusterName, namespace, name, since, left }: Handover): ShownReceiver {
  return { clusterId, clusterName, namespace, name, since, left };
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
    offeredTo: encodeReceiver(view.offeredTo),
  };
}

/** Returns the receiver of an address with its moment as a text. */
export function encodeReceiver(receiver: AddressView['offeredTo']): AddressObject['offeredTo'] {
  return receiver && { ...receiver, since: receiver.since.toISOString() };
}

/** Returns the address of an object of the read API. A state that this version does not know counts as orphaned. */
export function decodeAddress(object: AddressObject): AddressView {
  const { apiVersion, kind, metadata, state, attributes, ...rest } = object;
  return {
    ...rest,
    mac: mac(metadata.name),
    observed: rest.observed ?? false,
    state: decodeState(state) ?? 'orphaned',
    metadata: attributes ?? {},
    allocatedAt: new Date(rest.allocatedAt),
    changedAt: new Date(rest.changedAt),
    expiresAt: dateOf(rest.expiresAt),
    releasedAt: dateOf(rest.releasedAt),
    reusableAt: dateOf(rest.reusableAt),
    missingSince: dateOf(rest.missingSince),
    keptSince: dateOf(rest.keptSince),
    offeredTo: rest.offeredTo && { ...rest.offeredTo, since: new Date(rest.offeredTo.since) },
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
