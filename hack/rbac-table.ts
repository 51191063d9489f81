import type { PolicyRule } from '../api/roles.ts';
import { code, table } from './markdown.ts';

/** The rights of one identity as people read them: a line for each rule. */
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
  return table(['what', 'only those named', 'verbs'], rows);
}
