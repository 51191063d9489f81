import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../../api/duration.ts';
import { parseJson } from '../../api/parse-json.ts';
import { ADDRESS_STATES, type AddressState } from '../../ledger/address/owner.ts';
import { didYouMean } from '../did-you-mean.ts';
import { UserError } from '../errors.ts';

/* Parsers of flag values that several commands share. */

/** Parses the number of rows to show. */
export function parseRowCount(text: string): number {
  const count = Number(text);
  if (/^[0-9]+$/.test(text) && count >= 1 && count <= 10_000) return count;
  throw new InvalidArgumentError('Give a whole number from 1 to 10,000.');
}

/** Parses a request key. An unset shell variable gives an empty one, which unrelated callers would then share. */
export function parseRequestKey(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('Give a key that is not empty.');
}

/** Parses a duration of at least a minute into seconds. */
export function parseDurationSeconds(text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined && seconds >= 60) return seconds;
  throw new InvalidArgumentError('Give a duration of at least a minute, such as 90m, 48h or 7d.');
}

/** Parses a moment: an age such as `2h`, or a date with an optional time, which is local unless it has a zone. */
export function parseMoment(text: string, now = new Date()): Date {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return new Date(now.getTime() - seconds * 1_000);
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?)?$/.exec(text);
  const [, day = '', time = '00:00', zone = ''] = match ?? [];
  const date = new Date(`${day}T${time}${zone}`);
  if (match !== null && !Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError('Give an age (30m, 2h, 7d) or a date such as 2026-01-31 or 2026-01-31T09:05.');
}

/** Parses the JSON object of `--metadata`. */
export function parseMetadata(text: string): Readonly<Record<string, unknown>> {
  const value = parseJson(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new UserError(
    `The metadata ${JSON.stringify(text)} is not a JSON object.`,
    `Write it like '{"rack": "a7"}', in single quotes.`,
  );
}

/** Parses states separated by commas. Returns `undefined` for `all`. */
export function parseStates(text: string): readonly AddressState[] | undefined {
  if (text === 'all') return undefined;
  return text.split(',').map((name) => {
    const state = ADDRESS_STATES.find((each) => each === name.trim());
    if (state !== undefined) return state;
    throw new UserError(
      `${JSON.stringify(name)} is not a state of an address.${didYouMean(name, [...ADDRESS_STATES, 'all'])}`,
      `Choose from ${ADDRESS_STATES.join(', ')}, or all.`,
    );
  });
}
