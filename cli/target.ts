import { type MacAddress, parseMac } from '../mac/mac-address.ts';
import { parseDeviceText } from './commands/parse-values.ts';
import { UserError } from './errors.ts';

/** The argument of `release`, `renew` and `show`: one address, or a device with all its addresses. */
export type Target =
  | { readonly kind: 'mac'; readonly text: string; readonly mac: MacAddress }
  /**
   * `mac` is set if the text also parses as an address, as the twelve hex digits of a container id do. It is used only
   * if no device has this name.
   */
  | { readonly kind: 'device'; readonly text: string; readonly mac?: MacAddress | undefined };

/** Parses a target like the predecessor: an argument with a colon is an address, anything else a device. */
export function parseTarget(argument: string): Target {
  const text = parseDeviceText(argument);
  if (text.includes(':')) return { kind: 'mac', text, mac: requireMac(text) };
  if (text === '') {
    throw new UserError('The argument is empty.', 'Name a MAC address, or the device that holds it.');
  }
  const parsed = parseMac(text);
  return { kind: 'device', text, mac: parsed.ok ? parsed.mac : undefined };
}

/** Parses a unicast address in any notation. Throws a UserError if it is none. */
export function requireMac(text: string): MacAddress {
  const parsed = parseMac(text);
  if (parsed.ok) return parsed.mac;
  throw new UserError(
    `${JSON.stringify(text)} is not the address of a device (${parsed.why}).`,
    'Write it like a4:58:0f:01:00:00; dashes, dots and bare digits are accepted too.',
  );
}
