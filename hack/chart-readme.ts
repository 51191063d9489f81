import { isMap, isScalar, parseDocument, type Pair, type YAMLMap } from 'yaml';
import { code, table } from './markdown.ts';

interface Row {
  readonly key: string;
  readonly value: string;
  readonly comment: string;
}

/** Objects of the Kubernetes API are one value, whatever is in them. */
export const WHOLE_VALUES: ReadonlySet<string> = new Set([
  'resources',
  'podSecurityContext',
  'containerSecurityContext',
]);

/** The table of a chart's values: each with its default and the comment that stands above it. */
export function valuesTable(valuesYaml: string): string {
  const { contents } = parseDocument(valuesYaml);
  if (!isMap(contents)) throw new Error('values.yaml is no map');
  const rows = rowsOf(contents, '');
  const cells = rows.map(({ key, value, comment }) => [code(key), value === '' ? '' : code(value), comment]);
  return table(['value', 'default', 'what it is'], cells);
}

function rowsOf(map: YAMLMap, prefix: string): Row[] {
  return map.items.flatMap((pair, index) => {
    if (!isScalar(pair.key)) return [];
    const name = String(pair.key.value);
    const key = `${prefix}${name}`;
    const comment = commentOf(pair, index === 0 ? map.commentBefore : undefined);
    if (isMap(pair.value) && pair.value.items.length > 0 && !WHOLE_VALUES.has(name)) {
      const heading = comment === '' ? [] : [{ key, value: '', comment }];
      return [...heading.filter(() => prefix !== ''), ...rowsOf(pair.value, `${key}.`)];
    }
    return [{ key, value: JSON.stringify(plain(pair)), comment }];
  });
}

/** A comment above the first key of a map belongs to the map, as the parser sees it. */
function commentOf({ key }: Pair, ofMap: string | null | undefined): string {
  const own = isScalar(key) ? key.commentBefore : undefined;
  const text = own ?? ofMap ?? '';
  // What stands apart by an empty line is about the file, not about the key.
  const [last = ''] = text.split('\n\n').slice(-1);
  return last
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
}

function plain({ value }: Pair): unknown {
  return (value as { toJSON?: () => unknown } | null)?.toJSON?.() ?? null;
}
