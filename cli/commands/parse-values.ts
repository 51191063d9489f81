import { InvalidArgumentError } from 'commander';
import { isCalendarDay } from '../../api/calendar.ts';
import { parseDuration } from '../../api/duration.ts';
import { inexactNumber, parseJson } from '../../api/parse-json.ts';
import { MAX_REASON_OCTETS, readReason } from '../../api/reason.ts';
import { MAX_MAP_COUNT } from '../../api/state-map.ts';
import { isVisible, isVisibleJson } from '../../api/visible-text.ts';
import { MAX_METADATA_TERMS, type MetadataTerm, parseMetadataTerm } from '../../ledger/address/metadata-term.ts';
import { ADDRESS_STATES, type AddressState } from '../../ledger/address/owner.ts';
import { parseMac } from '../../mac/mac-address.ts';
import { type MacPrefix, parsePrefix, type Prefixes, prefixRange } from '../../mac/mac-range.ts';
import { didYouMean } from '../did-you-mean.ts';
import { UserError } from '../errors.ts';

/* Parsers of flag values that several commands share. */

/** Parses the number of rows to show. */
export function parseRowCount(text: string): number {
  const count = Number(text);
  if (/^[0-9]+$/.test(text) && count >= 1 && Number.isSafeInteger(count)) return count;
  throw new InvalidArgumentError('Give a whole number from 1.');
}

/** Parses how many addresses to allocate. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (/^[0-9]+$/.test(text) && count >= 1 && count <= MAX_COUNT) return count;
  throw new InvalidArgumentError(`Give a whole number from 1 to ${String(MAX_COUNT)}.`);
}

/** More is a mistake: each address is a request. */
const MAX_COUNT = 1_000;

/** Parses how many addresses a map has. */
export function parseMapCount(text: string): number {
  const count = Number(text);
  if (/^[0-9]+$/.test(text) && count >= 1 && count <= MAX_MAP_COUNT) return count;
  throw new InvalidArgumentError(`Give a whole number from 1 to ${String(MAX_MAP_COUNT)}.`);
}

/** Parses the seconds between two refreshes. */
export function parseInterval(text: string): number {
  const seconds = Number(text);
  if (/^[0-9]+$/.test(text) && seconds >= 1 && seconds <= 3_600) return seconds;
  throw new InvalidArgumentError('Give a whole number of seconds from 1 to 3600.');
}

/** Parses the beginning of the names of MacAllocations, to which a number is added. */
export function parseNamePrefix(text: string): string {
  if (/^[a-z0-9]([-a-z0-9.]{0,198}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError('Give lower-case letters, digits and dashes, such as lic.');
}

/** Parses a prefix of unicast addresses. */
export function parseUnicastPrefix(text: string): MacPrefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) {
    throw new InvalidArgumentError('Give 2 to 10 hex digits with which addresses begin, such as a6:58:0f or 02.');
  }
  const { last } = prefixRange(prefix);
  if (parseMac(last).ok) return prefix;
  throw new InvalidArgumentError(`Addresses under ${prefix} are multicast, so no device owns them.`);
}

/** Adds a prefix to those of earlier flags. */
export function parsePrefixes(text: string, before: Prefixes = []): Prefixes {
  return [...new Set([...before, parseUnicastPrefix(text)])];
}

/** Adds labels in the form of `kubectl label` to those of earlier flags. The API server checks their syntax. */
export function parseLabels(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const labels = text.split(',').map((label) => /^([^=]+)=([^=]*)$/.exec(label.trim()));
  if (labels.includes(null)) throw new InvalidArgumentError('Give labels such as app=licensed, separated by commas.');
  return { ...before, ...Object.fromEntries(labels.map((match) => [match?.[1] ?? '', match?.[2] ?? ''])) };
}

/** Parses a request key. An unset shell variable gives an empty one, which unrelated callers would then share. */
export function parseRequestKey(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('Give a key that is not empty.');
}

/** Parses the name of a file. An empty one, as of an unset shell variable, would mean the current folder. */
export function parseFileName(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('Give the name of a file.');
}

/** Adds the name of a file to those before. */
export function parseFileNames(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, parseFileName(text)];
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
  if (match !== null && isCalendarDay(day) && !Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError('Give an age (30m, 2h, 7d) or a date such as 2026-01-31 or 2026-01-31T09:05.');
}

/** Parses the JSON object of `--metadata`. */
export function parseMetadata(text: string): Readonly<Record<string, unknown>> {
  const value = parseJson(text);
  const inexact = inexactNumber(text);
  if (inexact !== undefined) {
    throw new UserError(
      `The number ${inexact} in the metadata cannot be kept exactly.`,
      `Write it as text, in double quotes: "${inexact}".`,
    );
  }
  if (!isVisibleJson(value)) {
    throw new UserError(
      `The metadata ${JSON.stringify(text)} contains a character that nobody sees.`,
      'Remove control characters, direction marks and zero-width characters.',
    );
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new UserError(
    `The metadata ${JSON.stringify(text)} is not a JSON object.`,
    `Write it like '{"rack": "a7"}', in single quotes.`,
  );
}

/** Adds a condition on metadata, `key=value` or `key`, to those of earlier flags. */
export function parseMetadataFilter(text: string, before: readonly MetadataTerm[] = []): readonly MetadataTerm[] {
  const term = parseMetadataTerm(text);
  if (term.key === '') throw new InvalidArgumentError('Give a key, or a key with its value, such as rack=a7.');
  if (before.length < MAX_METADATA_TERMS) return [...before, term];
  throw new InvalidArgumentError(`Give at most ${String(MAX_METADATA_TERMS)} of them.`);
}

/** Parses an age such as `30d` into the moment at which something of that age began. */
export function parseAge(text: string, now = new Date()): Date {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return new Date(now.getTime() - seconds * 1_000);
  throw new InvalidArgumentError('Give an age, such as 90m, 48h or 30d.');
}

/**
 * Parses the name or the type of a device. Trims it, because a list with Windows line ends gives names that end in a
 * carriage return: nobody could release such a device by the name that they see.
 */
export function parseDeviceText(text: string): string {
  const trimmed = text.trim();
  if (isVisible(trimmed)) return trimmed;
  throw new UserError(
    `The device ${JSON.stringify(trimmed)} contains a character that nobody sees.`,
    'Write it on one line, without tabs, direction marks and zero-width characters.',
  );
}

/** Parses the reason of a change. */
export function parseReason(text: string): string {
  const reason = readReason(text);
  if (reason !== undefined) return reason;
  throw new InvalidArgumentError(
    `Give one line of at most ${String(MAX_REASON_OCTETS)} bytes, such as "rack 7 was retired".`,
  );
}

/** Parses names of pools separated by commas. */
export function parsePools(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (!names.includes('')) return names;
  throw new InvalidArgumentError('The name of a pool is missing. Separate names by commas, such as docker,vultr.');
}

/** Accepts a label selector of Kubernetes. The API server parses it; an empty one would select everything. */
export function parseSelector(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('Give labels, such as app=web or tier!=test.');
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
