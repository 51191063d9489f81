/** A number of hexadecimal digits, and the places in an address where they may stand. */
export interface PartialMac {
  readonly digits: number;
  /** The digits as a number. */
  readonly value: number;
  /** For each place: how many bits of the address follow the digits. The places from the left to the right. */
  readonly shifts: readonly number[];
}

const ADDRESS_DIGITS = 12;
const DIGIT_BITS = 4;

/** Fewer digits are in too many addresses. */
const LEAST_DIGITS = 3;

/** Digits between the separators of a notation. */
const GROUPS: Readonly<Record<string, number>> = { ':': 2, '-': 2, '.': 4 };

/**
 * Parses consecutive digits of a MAC address in any usual notation, such as `1f:02`, `0F-05`, `05.12` or `f0512`. Returns
 * `undefined` for another text, and for fewer than three digits. Separators say where the digits can stand: `1f:02` begins
 * an octet, `1f02` may begin in the middle of one.
 */
export function parsePartialMac(text: string): PartialMac | undefined {
  const lower = text.trim().toLowerCase();
  const separator = /[:.-]/.exec(lower)?.[0];
  const groups = separator === undefined ? [lower] : lower.split(separator);
  const digits = groups.join('');
  if (!/^[0-9a-f]+$/.test(digits) || digits.length < LEAST_DIGITS || digits.length > ADDRESS_DIGITS) return undefined;
  const size = separator === undefined ? undefined : GROUPS[separator];
  if (size !== undefined && !areGroups(groups, size)) return undefined;
  const starts = Array.from({ length: ADDRESS_DIGITS - digits.length + 1 }, (_, start) => start);
  const possible = starts.filter((start) => size === undefined || (start + (groups[0]?.length ?? 0)) % size === 0);
  if (possible.length === 0) return undefined;
  return {
    digits: digits.length,
    value: Number.parseInt(digits, 16),
    shifts: possible.map((start) => DIGIT_BITS * (ADDRESS_DIGITS - digits.length - start)),
  };
}

/** Inner groups are complete. The first and the last one may be cut, or empty. */
function areGroups(groups: readonly string[], size: number): boolean {
  return groups.every((group, index) =>
    index === 0 || index === groups.length - 1 ? group.length <= size : group.length === size,
  );
}

/** Returns whether an address, as a number, has the digits at one of their places. */
export function hasPartialMac(addr: number, { digits, value, shifts }: PartialMac): boolean {
  const size = 2 ** (DIGIT_BITS * digits);
  return shifts.some((shift) => Math.floor(addr / 2 ** shift) % size === value);
}
