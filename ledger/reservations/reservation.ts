import { hostnameOf, ipsOf, WELL_KNOWN_KEYS } from '../../api/well-known-metadata.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { AddressState, Device } from '../address/owner.ts';

/** What DHCP servers and host files need of a held address: its device has an IP address or a host name, or both. */
export interface Reservation {
  readonly mac: MacAddress;
  /** In the order in which the user gave them. */
  readonly ips: readonly string[];
  readonly hostname?: string | undefined;
  readonly pool: string;
  readonly state: string;
  readonly device?: Device | undefined;
}

/** The states of addresses that a device may have. */
export const RESERVING_STATES: readonly AddressState[] = ['pending', 'active', 'reserved', 'orphaned'];

/** An address as every source shows it. */
export interface HeldAddress {
  readonly mac: MacAddress;
  readonly pool: string;
  readonly state: string;
  readonly device?: Device | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly allocatedAt?: Date | undefined;
}

export interface Reservations {
  /** By address. */
  readonly reservations: readonly Reservation[];
  /** What was left out, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Returns the reservations of addresses. An IP address that two of them have stays with the one that was allocated first: a new
 * allocation must not take it from a device that runs. dnsmasq 2.90 would skip one of the lines, and Kea 2.2 refuse the whole file.
 * Pure.
 */
export function reservationsOf(addresses: readonly HeldAddress[]): Reservations {
  const notes: string[] = [];
  const firstWith = new Map<string, MacAddress>();
  const reservations = [...addresses].sort(oldestFirst).flatMap((address): Reservation[] => {
    const { mac, pool, state, device, metadata } = address;
    notes.push(...invalidValues(address));
    const ips = ipsOf(metadata).filter((ip) => {
      const other = firstWith.get(ip) ?? mac;
      firstWith.set(ip, other);
      if (other !== mac) notes.push(`${mac} has the IP address ${ip} of ${other}, so it was left out.`);
      return other === mac;
    });
    const hostname = hostnameOf(metadata);
    return ips.length === 0 && hostname === undefined ? [] : [{ mac, ips, hostname, pool, state, device }];
  });
  return { reservations: reservations.sort(byMac), notes: notes.sort() };
}

/** Older rows may have other values under these keys. */
function invalidValues({ mac, metadata }: HeldAddress): string[] {
  return WELL_KNOWN_KEYS.flatMap((key) => {
    const isValid = key === 'ip' ? ipsOf(metadata).length > 0 : hostnameOf(metadata) !== undefined;
    if (!Object.hasOwn(metadata, key) || isValid) return [];
    return [`${mac} has the ${key} ${JSON.stringify(metadata[key])}, which is not valid, so it was left out.`];
  });
}

function oldestFirst(a: HeldAddress, b: HeldAddress): number {
  return (a.allocatedAt?.getTime() ?? 0) - (b.allocatedAt?.getTime() ?? 0) || byMac(a, b);
}

function byMac(a: Pick<HeldAddress, 'mac'>, b: Pick<HeldAddress, 'mac'>): number {
  return a.mac < b.mac ? -1 : 1;
}
