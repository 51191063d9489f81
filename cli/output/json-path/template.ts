/*
 * The template of `-o jsonpath=…`, as kubectl understands it (https://kubernetes.io/docs/reference/kubectl/jsonpath/). No
 * library has this dialect: those of npm implement RFC 9535 or its forerunner, without text, `range` and escaped dots.
 */

/** One step from values to the values below them. */
export type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'wildcard' }
  /** Every container below a value, and the value itself. */
  | { readonly kind: 'descendants' }
  /** `end` is absent for "to the end"; an index has only `start`. */
  | { readonly kind: 'index'; readonly start: number }
  | { readonly kind: 'slice'; readonly start: number; readonly end: number | undefined; readonly step: number }
  | { readonly kind: 'union'; readonly paths: readonly Path[] }
  | { readonly kind: 'filter'; readonly left: Path; readonly comparison?: Comparison }
  | { readonly kind: 'literal'; readonly value: string | number | boolean };

export type Path = readonly Step[];

export const OPERATORS = ['==', '!=', '<=', '>=', '<', '>'] as const;

export interface Comparison {
  readonly operator: (typeof OPERATORS)[number];
  readonly right: Path;
}

/** A part of the output. */
export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'range'; readonly path: Path; readonly body: Template };

export type Template = readonly Part[];

/** The template or the value cannot be used. The message is one clause for people. */
export class JsonPathError extends Error {
  override readonly name = 'JsonPathError';
}
