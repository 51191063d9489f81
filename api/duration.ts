/** Durations in manifests: `90s`, `15m`, `48h`, `7d`, or a combination such as `1d12h`. */
export const DURATION_PATTERN = /^(?:[0-9]{1,6}[dhms]){1,4}$/;

const SECONDS: Readonly<Record<string, number>> = { d: 86_400, h: 3_600, m: 60, s: 1 };

/** Parses a duration into seconds; returns undefined if the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION_PATTERN.test(text)) return undefined;
  let seconds = 0;
  for (const [, count = '', unit = ''] of text.matchAll(/([0-9]+)([dhms])/g)) {
    seconds += Number.parseInt(count, 10) * (SECONDS[unit] ?? 0);
  }
  return seconds;
}

/** Formats seconds as the shortest duration, largest unit first: 129,600 is `1d12h`, and 0 is `0s`. */
export function formatDuration(seconds: number): string {
  let rest = Math.round(seconds);
  let text = '';
  for (const [unit, size] of Object.entries(SECONDS)) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${String(count)}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0s' : text;
}
