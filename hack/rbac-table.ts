import type { PolicyRule } from '../api/roles.ts';
import { code, table } from './markdown.ts';

/** Returns a table of the rights of one ServiceAccount, with one row for each rule. */
export function rbacTable(rules: readonly PolicyRule[]): string {
  const rows = rules.map(({ apiGroups = [], resources = [], resourceNames = [], verbs }) => {
    const [group = ''] = apiGroups;
    const what = resources.map((resource) => {
      const [name = '', subresource] = resource.split('/');
      return code(
        [group === '' ? name : `${name}.${group}`, ...(subresource === undefined ? [] : [subresource])].join('/'),
      );
    });
    return [what.join(', '), resourceNames.map(code).join(', '), verbs.join(', ')];
  });
  return table(['resources', 'only with these names', 'verbs'], rows);
}
