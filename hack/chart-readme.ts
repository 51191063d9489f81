import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { code } from './markdown.ts';

interface Row {
  readonly key: string;
  /** The default as JSON; undefined for a group of values. */
  readonly value: string | undefined;
  readonly comment: string;
}

/** Objects of the Kubernetes API, and labels, count as one value. */
export const WHOLE_VALUES: ReadonlySet<string> = new Set([
  'labels',
  'resources',
  'podSecurityContext',
  'containerSecurityContext',
]);

/** Returns a Markdown list of a chart's values, each with its default and the comment above it in `values.yaml`. */
export function valuesList(valuesYaml: string): string {
  const { contents } = parseDocument(valuesYaml);
  if (!isMap(contents)) throw new Error('values.yaml is not a map');
  return rowsOf(contents, '').map(line).join('\n');
}

function line({ key, value, comment }: Row): string {
  return `- ${code(key)}${value === undefined ? '' : ` (${code(value)})`}: ${comment}`;
}

function rowsOf(map: YAMLMap, prefix: string): Row[] {
  return map.items.flatMap((pair, index) => {
    if (!isScalar(pair.key)) return [];
    const name = String(pair.key.value);
    const key = `${prefix}${name}`;
    const comment = commentOf(pair, index === 0 ? map.commentBefore : undefined);
    if (isMap(pair.value) && pair.value.items.length > 0 && !WHOLE_VALUES.has(name)) {
      // The parser gives the first comment of a top-level group to the group itself.
      const heading = comment === '' || prefix === '' ? [] : [{ key, value: undefined, comment }];
      return [...heading, ...rowsOf(pair.value, `${key}.`)];
    }
    return [{ key, value: JSON.stringify(plain(pair)), comment }];
  });
}

/** The parser attaches a comment above the first key of a map to the map. */
function commentOf({ key }: Pair, ofMap: string | null | undefined): string {
  const own = isScalar(key) ? key.commentBefore : undefined;
  const text = own ?? ofMap ?? '';
  // A part that ends with an empty line is about the file, not about the key.
  const [last = ''] = text.split('\n\n').slice(-1);
  return last
    .split('\n')
    .map((line) => line.trim())
    .join(' ');
}

function plain({ value }: Pair): unknown {
  return (value as { toJSON?: () => unknown } | null)?.toJSON?.() ?? null;
}
