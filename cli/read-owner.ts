import { UserError } from './errors.ts';

/** An object of a cluster as people name it; what they leave out may be anything. */
export interface NamedOwner {
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** `kind/namespace/name`, `namespace/name` or `name`; nothing where nobody named one. */
export function readOwner(text: string | undefined): NamedOwner {
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
