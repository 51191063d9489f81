import { UserError } from './errors.ts';

/** The parts of an object's name that the user gave. A missing part matches anything. */
export interface OwnerFilter {
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** Parses `kind/namespace/name`, `namespace/name` or `name`. Returns an empty filter for `undefined`. */
export function parseOwner(text: string | undefined): OwnerFilter {
  if (text === undefined) return {};
  const parts = text.split('/');
  const [name = '', namespace, kind] = parts.toReversed();
  if (parts.length > 3 || parts.includes('')) {
    throw new UserError(
      `${JSON.stringify(text)} names no object.`,
      'Write it as name, namespace/name or kind/namespace/name.',
    );
  }
  return { ...(kind === undefined ? {} : { kind }), ...(namespace === undefined ? {} : { namespace }), name };
}

/** Returns the object that an argument of a command can name, or `undefined` if it can name none. */
export function objectNamed(text: string): OwnerFilter | undefined {
  const parts = text.split('/');
  return parts.length > 3 || parts.includes('') ? undefined : parseOwner(text);
}
