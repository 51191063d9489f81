import { type MacAddress, parseMac } from '../mac/mac-address.ts';
import { type Prefixes, underAny } from '../mac/mac-range.ts';

/** An address under one of the prefixes on an interface of a stored object. */
export interface Nic {
  readonly nic: string;
  readonly mac: MacAddress;
  /** The annotation that reports addresses names it, and the networks do not: another admission plugin changed them. */
  readonly isOnlyReported?: boolean;
  /** The address that the interface really has, if it is another one. */
  readonly actualMac?: MacAddress;
  /** Whether the network reports that the interface has this address. */
  readonly isSeen?: boolean;
  /** `namespace/name` of its NetworkAttachmentDefinition. Only with `actualMac`, to look up what its plugin does. */
  readonly network?: string;
}

/** Returns the canonical address if the text is a unicast MAC under one of the prefixes; otherwise undefined. */
export function ourMac(text: string | undefined, prefixes: Prefixes): MacAddress | undefined {
  if (text === undefined) return undefined;
  const parsed = parseMac(text);
  return parsed.ok && underAny(parsed.mac, prefixes) ? parsed.mac : undefined;
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
