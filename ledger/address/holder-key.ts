import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { MacAddress } from '../../mac/mac-address.ts';

/*
 * A holder key names the owner of an address, or the question for one, in one text. Two owners never have the same key:
 * each kind of key has its own first word, and the separator is escaped inside the parts.
 */

/** The ledger's limit for a key, in octets. */
const MAX_OCTETS = 600;

/** Joins parts so that they can be told apart again: `/` inside a part becomes `%2F`, `%` becomes `%25`. */
function join(word: string, ...parts: readonly string[]): string {
  const key = [word, ...parts.map((part) => part.replaceAll('%', '%25').replaceAll('/', '%2F'))].join('/');
  if (Buffer.byteLength(key) <= MAX_OCTETS) return key;
  return `${word}#${createHash('sha256').update(key).digest('hex')}`; // `#` follows no word in a key that is not hashed
}

/** Admission of an object with a name: the same object asks with the same key, until its address is bound. */
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

/** Admission of an object without a name (generateName): a random lease id that is written into the object. */
export function leaseKey(leaseId: string, nic: string): string {
  return join('lease', leaseId, nic);
}

/** An address that was seen on a stored object. The address is a part: one NIC may carry another one later. */
export function boundKey(parts: {
  readonly clusterId: string;
  readonly uid: string;
  readonly nic: string;
  readonly mac: MacAddress;
}): string {
  return join('object', parts.clusterId, parts.uid, parts.nic, parts.mac);
}

/** A MacAllocation that somebody made: it holds one address for its whole life. */
export function claimKey({ clusterId, uid }: { readonly clusterId: string; readonly uid: string }): string {
  return join('claim', clusterId, uid);
}

/** A device outside clusters: the caller's request key, or something random when every call is a new question. */
export function deviceKey(requestKey: string): string {
  return join('device', requestKey);
}
