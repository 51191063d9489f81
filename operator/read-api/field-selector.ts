import { badRequest } from './status-error.ts';

/** One term of a field selector: `pool=docker` or `state!=released`. */
export interface FieldTerm {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/**
 * Parses a field selector in the syntax of Kubernetes: terms with `=`, `==` or `!=`, separated by commas. A backslash
 * escapes a comma, an equals sign or a backslash.
 *
 * @throws StatusError (400) for a malformed selector, and for a field that is not in `fields`
 */
export function parseFieldSelector(text: string, fields: readonly string[]): readonly FieldTerm[] {
  return splitTerms(text).map((term) => {
    const match = /^([\w.]+)(==|!=|=)(.*)$/s.exec(term);
    if (match === null) {
      throw badRequest(
        `${JSON.stringify(term)} is not a term of a field selector: write it as field=value or field!=value`,
      );
    }
    const [, field = '', operator = '', value = ''] = match;
    if (!fields.includes(field)) {
      throw badRequest(`${JSON.stringify(field)} cannot be used in a field selector: use one of ${fields.join(', ')}`);
    }
    return { field, equal: operator !== '!=', value: unescape(value) };
  });
}

function splitTerms(text: string): readonly string[] {
  return (text.match(/(?:\\.|[^,\\])+/gs) ?? []).map((term) => term.trim()).filter((term) => term !== '');
}

function unescape(value: string): string {
  return value.replaceAll(/\\([\\,=])/g, '$1');
}
