import { parseMac, type MacAddress } from '../mac/mac-address.ts';
import { UserError } from './errors.ts';

/** What `release`, `renew` and `show` are about: an address, or a device with all that it holds. */
export type Target =
  | { readonly kind: 'mac'; readonly text: string; readonly mac: MacAddress }
  /** `mac`: it reads as an address too. Where no device has this name (a container's id has twelve digits), that is meant. */
  | { readonly kind: 'device'; readonly text: string; readonly mac?: MacAddress | undefined };

/** As the predecessor: an argument with a colon is an address, everything else a device. */
export function parseTarget(text: string): Target {
  if (text.includes(':')) return { kind: 'mac', text, mac: requireMac(text) };
  if (text.trim() === '') {
    throw new UserError('The argument is empty.', 'Name a MAC address, or the device that holds it.');
  }
  const parsed = parseMac(text);
  return { kind: 'device', text, mac: parsed.ok ? parsed.mac : undefined };
}

/** An address that a device may carry, in any notation. */
export function requireMac(text: string): MacAddress {
  const parsed = parseMac(text);
  if (parsed.ok) return parsed.mac;
  throw new UserError(
    `${JSON.stringify(text)} is not the address of a device (${parsed.why}).`,
    'Write it like a4:58:0f:01:00:00; dashes, dots and bare digits are fine too.',
  );
}
