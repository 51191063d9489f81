import { type MacAddress, parseMac } from '../mac/mac-address.ts';
import { type Prefixes, underAny } from '../mac/mac-range.ts';

/** An address on an interface of a stored object. */
export interface Nic {
  readonly nic: string;
  readonly mac: MacAddress;
  /** `namespace/name` of the NetworkAttachmentDefinition, if the interface has one. */
  readonly network?: string | undefined;
  /** The annotation that reports addresses names it, and the networks do not: another admission plugin changed them. */
  readonly isOnlyReported?: boolean;
  /** The address that the interface really has, if it is another one. */
  readonly actualMac?: MacAddress;
  /** Whether the network reports that the interface has this address. */
  readonly isSeen?: boolean;
}

/**
 * How many interfaces of an object are read in each place that lists them, and kept of all places. The webhook allows 64, and up to three
 * places list each. Everybody can write thousands into an annotation, and each costs time and memory.
 */
export const MOST_INTERFACES_READ = 256;

/** Returns the canonical address if the text is a unicast MAC; otherwise undefined. */
export function unicastMac(text: string | undefined): MacAddress | undefined {
  const parsed = text === undefined ? undefined : parseMac(text);
  return parsed?.ok === true ? parsed.mac : undefined;
}

/** Returns the canonical address if the text is a unicast MAC under one of the prefixes; otherwise undefined. */
export function ourMac(text: string | undefined, prefixes: Prefixes): MacAddress | undefined {
  const mac = unicastMac(text);
  return mac !== undefined && underAny(mac, prefixes) ? mac : undefined;
}

/** What is reported about the address that an interface really has. */
export type ReportedNic = Pick<Nic, 'actualMac' | 'isSeen'>;

/** Returns whether anything is reported about the interface. */
export function isReported({ actualMac, isSeen }: ReportedNic): boolean {
  return actualMac !== undefined || isSeen === true;
}

/** Compares an address with those that are reported for its interface. Without any, nothing is known. */
export function compareReported(mac: MacAddress, reported: readonly MacAddress[]): ReportedNic {
  if (reported.includes(mac)) return { isSeen: true };
  const [actualMac] = reported;
  return actualMac === undefined ? {} : { actualMac };
}
