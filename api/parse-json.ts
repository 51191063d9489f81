/**
 * Parses JSON; returns undefined for text that is not JSON.
 *
 * JSON.parse quotes its input in its errors, and the input may be a Secret.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * Returns the first number in a JSON text that JavaScript cannot represent exactly, such as 12345678901234567890. Returns
 * undefined if there is none, and for text that is not JSON.
 */
export function inexactNumber(text: string): string | undefined {
  let found: string | undefined;
  const check = (_key: string, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source;
    if (typeof value !== 'number' || source === undefined) return value;
    if (significant(source) !== significant(String(value))) found ??= source;
    return value;
  };
  try {
    JSON.parse(text, check);
    return found;
  } catch {
    return undefined;
  }
}

/** Returns the digits of a decimal number and its power of ten, which are the same for each way to write it. */
function significant(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const shortest = digits.replace(/0+$/, '');
  if (shortest === '') return whole === '' ? number : '0';
  const power = Number(exponent) - fraction.length + digits.length - shortest.length;
  return `${sign}${shortest}e${String(power)}`;
}
