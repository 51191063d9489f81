/** A term of a field selector, whose value may hold what separates terms. */
export function fieldTerm(field: string, value: string): string {
  return `${field}=${value.replaceAll(/[\\,=]/g, '\\$&')}`;
}
