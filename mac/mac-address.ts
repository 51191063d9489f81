/** A 48-bit MAC address in lower-case colon form, such as `a4:58:0f:05:00:00`. Only this module creates one. */
export type MacAddress = string & { readonly __brand: 'MacAddress' };

/** Why a text is not a MAC address that a device may use. */
export type MacRefusal = 'malformed' | 'multicast' | 'broadcast' | 'zero';

export type ParsedMac =
  { readonly ok: true; readonly mac: MacAddress } | { readonly ok: false; readonly why: MacRefusal };

/**
 * The accepted notations: colons (Linux, Kubernetes), dashes (IEEE 802, Windows), three dotted groups of four digits (Cisco),
 * and bare digits. A mixture is refused because it is probably a typing error.
 */
const NOTATIONS: readonly RegExp[] = [
  /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/,
  /^[0-9a-f]{2}(?:-[0-9a-f]{2}){5}$/,
  /^[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}$/,
  /^[0-9a-f]{12}$/,
];

const LAST_ADDRESS = 0xffff_ffff_ffff;

/** The I/G bit (IEEE 802, bit 0 of the first octet): if set, it is a group address, which no device may own. */
const GROUP_BIT = 0x0100_0000_0000;

const LOCAL_BIT = 0x0200_0000_0000;

/**
 * Parses a unicast MAC address in any usual notation and case.
 *
 * No device may own a multicast, broadcast or all-zero address, so each of them is refused with its own reason.
 * `parseAnyMac` accepts them.
 */
export function parseMac(text: string): ParsedMac {
  const mac = parseAnyMac(text);
  if (mac === undefined) return { ok: false, why: 'malformed' };
  const addr = macToNumber(mac);
  if (addr === 0) return { ok: false, why: 'zero' };
  if (addr === LAST_ADDRESS) return { ok: false, why: 'broadcast' };
  if (isGroupAddress(addr)) return { ok: false, why: 'multicast' };
  return { ok: true, mac };
}

/** Parses any 48-bit address, including group addresses; returns undefined if the text is not one. */
export function parseAnyMac(text: string): MacAddress | undefined {
  const lower = text.trim().toLowerCase();
  if (!NOTATIONS.some((notation) => notation.test(lower))) return undefined;
  return numberToMac(Number.parseInt(lower.replaceAll(/[^0-9a-f]/g, ''), 16));
}

/** Parses text that must be valid, such as constants and rows of the ledger. Throws a RangeError otherwise. */
export function mac(text: string): MacAddress {
  const parsed = parseMac(text);
  if (!parsed.ok) throw new RangeError(`${JSON.stringify(text)} is not a usable MAC address (${parsed.why})`);
  return parsed.mac;
}

/** Returns the address as an unsigned 48-bit number, which a double represents exactly. */
export function macToNumber(address: MacAddress): number {
  return Number.parseInt(address.replaceAll(':', ''), 16);
}

/** The inverse of `macToNumber`. Throws a RangeError outside 0 … 2^48 − 1. */
export function numberToMac(addr: number): MacAddress {
  if (!Number.isInteger(addr) || addr < 0 || addr > LAST_ADDRESS) {
    throw new RangeError(`${String(addr)} is not a 48-bit address`);
  }
  const digits = addr.toString(16).padStart(12, '0');
  return (digits.match(/../g) ?? []).join(':') as MacAddress;
}

/** Whether the U/L bit (IEEE 802, bit 1 of the first octet) says that a network assigned the address, and not IEEE to a vendor. */
export function isLocallyAdministered(address: MacAddress): boolean {
  return hasBit(macToNumber(address), LOCAL_BIT);
}

function isGroupAddress(addr: number): boolean {
  return hasBit(addr, GROUP_BIT);
}

/** Tests a bit by division, because JavaScript's bit operators work on 32 bits. */
function hasBit(addr: number, bit: number): boolean {
  return Math.floor(addr / bit) % 2 === 1;
}
