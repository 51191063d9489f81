import { badRequest } from './problem.ts';

/** One term of a field selector: `pool=docker` or `state!=released`. */
export interface FieldTerm {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/**
 * Reads a field selector as Kubernetes writes it: terms with `=`, `==` or `!=`, joined by commas; `\` before a comma, an
 * equals sign or a backslash takes it as it is.
 *
 * @throws Problem (400) for anything else, and for a field that is not among those that can be selected
 */
export function parseFieldSelector(text: string, fields: readonly string[]): readonly FieldTerm[] {
  return splitTerms(text).map((term) => {
    const match = /^([\w.]+)(==|!=|=)(.*)$/s.exec(term);
    if (match === null) {
      throw badRequest(
        `${JSON.stringify(term)} is no term of a field selector: write it as field=value or field!=value`,
      );
    }
    const [, field = '', operator = '', value = ''] = match;
    if (!fields.includes(field)) {
      throw badRequest(`${JSON.stringify(field)} cannot be selected by: use one of ${fields.join(', ')}`);
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
