import type { PolicyRule } from '../api/roles.ts';
import { code, table } from './markdown.ts';

/** Returns a table of the rights of one ServiceAccount, with one row for each kind of resource. */
export function rbacTable(rules: readonly PolicyRule[]): string {
  const rows = rules.flatMap(({ apiGroups = [], resources = [], resourceNames = [], verbs }) => {
    const [group = ''] = apiGroups;
    return resources.map((resource) => {
      const [name = '', subresource] = resource.split('/');
      const path = [group === '' ? name : `${name}.${group}`, ...(subresource === undefined ? [] : [subresource])];
      return [code(path.join('/')), resourceNames.map(code).join(', '), verbs.join(', ')];
    });
  });
  return table(['resources', 'only with these names', 'verbs'], rows);
}
