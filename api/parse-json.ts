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
