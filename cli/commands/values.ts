import { InvalidArgumentError } from 'commander';
import { parseJson } from '../../api/parse-json.ts';
import { parseDuration } from '../../api/duration.ts';
import { ADDRESS_STATES, type AddressState } from '../../ledger/address/owner.ts';
import { didYouMean } from '../did-you-mean.ts';
import { UserError } from '../errors.ts';

/** How values of flags are read. What one flag alone takes stands with its command. */

/** A number of rows. */
export function rowCount(text: string): number {
  const count = Number(text);
  if (/^[0-9]+$/.test(text) && count >= 1 && count <= 10_000) return count;
  throw new InvalidArgumentError('Want a whole number from 1 to 10,000.');
}

/** A request key. An empty one, as an unset variable gives it, would be the same question for everybody who forgot theirs. */
export function requestKey(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('Want a key that is not empty.');
}

/** Seconds of a duration that is at least a minute. */
export function durationSeconds(text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined && seconds >= 60) return seconds;
  throw new InvalidArgumentError('Want a duration of at least a minute, such as 90m, 48h or 7d.');
}

/** A moment: so long ago (`2h`), or a date with or without a time, which is the local one unless it says otherwise. */
export function moment(text: string, now = new Date()): Date {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return new Date(now.getTime() - seconds * 1_000);
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?)?$/.exec(text);
  const [, day = '', time = '00:00', zone = ''] = match ?? [];
  const date = new Date(`${day}T${time}${zone}`);
  if (match !== null && !Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError('Want so long ago (30m, 2h, 7d) or a date such as 2026-01-31 or 2026-01-31T09:05.');
}

/** The JSON object of `--metadata`. */
export function metadataObject(text: string): Readonly<Record<string, unknown>> {
  const value = parseJson(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new UserError(
    `The metadata ${JSON.stringify(text)} is no JSON object.`,
    `Write it like '{"rack": "a7"}', in single quotes.`,
  );
}

/** States by their names with commas between; `all` is every one, and undefined. */
export function states(text: string): readonly AddressState[] | undefined {
  if (text === 'all') return undefined;
  return text.split(',').map((name) => {
    const state = ADDRESS_STATES.find((each) => each === name.trim());
    if (state !== undefined) return state;
    throw new UserError(
      `${JSON.stringify(name)} is no state of an address.${didYouMean(name, [...ADDRESS_STATES, 'all'])}`,
      `Choose from ${ADDRESS_STATES.join(', ')}, or all.`,
    );
  });
}
