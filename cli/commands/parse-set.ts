import { isVisible } from '../../api/visible-text.ts';
import type { SetRequest } from '../backend.ts';
import { UserError } from '../errors.ts';
import { requireCanonical } from './metadata-flags.ts';
import { parseDeviceText } from './parse-values.ts';

/** The word for the type of the device, which is no metadata. */
const TYPE = 'type';

interface Change {
  readonly key: string;
  /** `undefined` removes the key. */
  readonly value: string | undefined;
}

/** Parses changes in the form of `kubectl label`: `key=value` sets, and `key-` removes. */
export function parseSet(texts: readonly string[]): Omit<SetRequest, 'reason'> {
  const changes = texts.map(parseChange);
  const twice = changes.find(({ key }, index) => changes.findIndex((each) => each.key === key) !== index);
  if (twice !== undefined) {
    throw new UserError(`${JSON.stringify(twice.key)} is changed twice.`, 'Leave out one of the changes.', 'usage');
  }
  const ofMetadata = changes.filter(({ key }) => key !== TYPE);
  const values = ofMetadata.flatMap(({ key, value }) => (value === undefined ? [] : [[key, value] as const]));
  const type = changes.find(({ key }) => key === TYPE);
  return {
    values: textsOf(requireCanonical(Object.fromEntries(values))),
    without: ofMetadata.flatMap(({ key, value }) => (value === undefined ? [key] : [])),
    type: type && (type.value === undefined ? null : parseDeviceText(type.value)),
  };
}

function parseChange(text: string): Change {
  const at = text.indexOf('=');
  const change = at === -1 ? removal(text) : { key: text.slice(0, at), value: text.slice(at + 1) };
  if (change === undefined || change.key === '') {
    throw new UserError(
      `${JSON.stringify(text)} is no change.`,
      'Write key=value to set a key, and key- to remove it.',
      'usage',
    );
  }
  if (isVisible(change.key) && isVisible(change.value ?? '')) return change;
  throw new UserError(
    `The change ${JSON.stringify(text)} contains a character that nobody sees.`,
    'Write it on one line, without tabs, direction marks and zero-width characters.',
  );
}

function removal(text: string): Change | undefined {
  return text.endsWith('-') ? { key: text.slice(0, -1), value: undefined } : undefined;
}

function textsOf(metadata: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)]));
}
