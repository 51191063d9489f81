import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { MacAddress } from '../../mac/mac-address.ts';

/*
 * A holder key is one text that names the owner of an address, or an unanswered request for one. Two owners never have
 * the same key: each kind of key has its own first word, and the separator is escaped inside the parts.
 */

/** The ledger's limit for a key, in octets. */
const MAX_OCTETS = 600;

/** Joins parts reversibly: `/` inside a part becomes `%2F`, `%` becomes `%25`. */
function join(word: string, ...parts: readonly string[]): string {
  const key = [word, ...parts.map((part) => part.replaceAll('%', '%25').replaceAll('/', '%2F'))].join('/');
  if (Buffer.byteLength(key) <= MAX_OCTETS) return key;
  return `${word}#${createHash('sha256').update(key).digest('hex')}`; // no unhashed key has `#` after its first word
}

/** Returns the key of a named object at admission. The same object has the same key until its address is bound. */
export function admissionKey(parts: {
  readonly clusterId: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly nic: string;
  readonly pool: string;
  readonly requested?: MacAddress | undefined;
}): string {
  const { clusterId, kind, namespace, name, nic, pool, requested = '' } = parts;
  return join('named', clusterId, kind, namespace, name, nic, pool, requested);
}

/** Returns the key of an object without a name (generateName): a random lease id that is written into the object. */
export function leaseKey(leaseId: string, nic: string): string {
  return join('lease', leaseId, nic);
}

/**
 * Returns the key of a named object that uses any unused claim of a set. It names no claim, so that a repeated admission of the object
 * gets the same one. Only a consumer has such a key.
 */
export function selectionKey(parts: {
  readonly clusterId: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly nic: string;
  readonly selector: string;
  readonly requested?: MacAddress | undefined;
}): string {
  const { clusterId, kind, namespace, name, nic, selector, requested = '' } = parts;
  return join('selected', clusterId, kind, namespace, name, nic, selector, requested);
}

/**
 * Returns the key of an address that was seen on a stored object. The MAC is a part, because a NIC may get another one
 * later.
 */
export function boundKey(parts: {
  readonly clusterId: string;
  readonly uid: string;
  readonly nic: string;
  readonly mac: MacAddress;
}): string {
  return join('object', parts.clusterId, parts.uid, parts.nic, parts.mac);
}

/** Returns the key of a claim, which holds one address for its whole life. */
export function claimKey({ clusterId, uid }: { readonly clusterId: string; readonly uid: string }): string {
  return join('claim', clusterId, uid);
}

/**
 * Returns the key of a sticky address, which belongs to the name of a workload. It names neither a uid nor a pool, so that the next
 * object of this name gets the address again (docs/adr/0021-names-keep-their-addresses.md).
 */
export function stickyKey(parts: {
  readonly clusterId: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly nic: string;
}): string {
  const { clusterId, kind, namespace, name, nic } = parts;
  return join('sticky', clusterId, namespace, kind, name, nic);
}

/** Returns whether a key is of a sticky address. */
export function isStickyKey(key: string): boolean {
  return /^sticky[/#]/.test(key);
}

/** Returns whether a key is of an address that was set aside for a webhook. The ledger makes these keys itself. */
export function isStockKey(key: string): boolean {
  return key.startsWith('stock/');
}

/**
 * Returns the key of a device outside clusters: the caller's request key, or a random one for every new request. Of several addresses
 * with one request key, each has a place, from 1.
 */
export function deviceKey(requestKey: string, place?: number): string {
  return join('device', requestKey, ...(place === undefined ? [] : [String(place)]));
}

/** Returns the key of an address that a device has by an import, which is the same at every import. */
export function importKey(mac: MacAddress): string {
  return join('import', mac);
}
