import { z } from 'zod';
import { code, table } from './markdown.ts';

/** The parts of a CustomResourceDefinition that the page describes. */
const definition = z.object({
  spec: z.object({
    group: z.string(),
    scope: z.string(),
    names: z.object({
      kind: z.string(),
      plural: z.string(),
      shortNames: z.array(z.string()),
      categories: z.array(z.string()),
    }),
    versions: z.tuple([
      z.object({
        name: z.string(),
        schema: z.object({ openAPIV3Schema: z.unknown() }),
        additionalPrinterColumns: z.array(
          z.object({ name: z.string(), jsonPath: z.string(), priority: z.int().default(0) }),
        ),
        selectableFields: z.array(z.object({ jsonPath: z.string() })).default([]),
      }),
    ]),
  }),
});

interface Node {
  readonly type: string;
  readonly description: string;
  readonly format?: string | undefined;
  readonly minimum?: number | undefined;
  readonly minLength?: number | undefined;
  readonly maxLength?: number | undefined;
  readonly maxItems?: number | undefined;
  readonly maxProperties?: number | undefined;
  readonly enum?: readonly string[] | undefined;
  readonly default?: unknown;
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, Node>>;
  readonly items?: Node | undefined;
  readonly additionalProperties?: Node | undefined;
  readonly 'x-kubernetes-validations': readonly { readonly message: string }[];
}

const node: z.ZodType<Node> = z.lazy(() =>
  z.object({
    type: z.string(),
    description: z.string().default(''),
    format: z.string().optional(),
    minimum: z.number().optional(),
    minLength: z.number().optional(),
    maxLength: z.number().optional(),
    maxItems: z.number().optional(),
    maxProperties: z.number().optional(),
    enum: z.array(z.string()).optional(),
    default: z.unknown().optional(),
    required: z.array(z.string()).default([]),
    properties: z.record(z.string(), node).default({}),
    items: node.optional(),
    additionalProperties: node.optional(),
    'x-kubernetes-validations': z.array(z.object({ message: z.string() })).default([]),
  }),
);

/** Returns the chapter of docs/api.md about one CustomResourceDefinition. */
export function apiReference(customResourceDefinition: unknown): string {
  const { group, scope, names, versions } = definition.parse(customResourceDefinition).spec;
  const [{ name: version, schema, additionalPrinterColumns: columns, selectableFields }] = versions;
  const root = node.parse(schema.openAPIV3Schema);
  const selectable = selectableFields.map(({ jsonPath }) => code(jsonPath.slice(1)));
  const { spec, status } = root.properties;
  const rules = [root, spec].flatMap((each) => each?.['x-kubernetes-validations'] ?? []);
  return [
    `## ${names.kind}`,
    root.description,
    [
      `- \`apiVersion: ${group}/${version}\`, \`kind: ${names.kind}\`; ${scope === 'Cluster' ? 'cluster-scoped' : 'namespaced'}`,
      `- \`kubectl get ${names.plural}\`, in short ${names.shortNames.map(code).join(' or ')}; with \`kubectl get ${names.categories.join(', ')}\` too`,
      ...(selectable.length > 0 ? [`- field selectors: ${selectable.join(', ')}`] : []),
    ].join('\n'),
    '### Spec',
    fieldTable('spec', spec),
    '### Rules',
    [
      'The API server rejects an object that breaks one of these rules.',
      '',
      ...rules.map(({ message }) => `- ${message}`),
    ].join('\n'),
    '### Status',
    fieldTable('status', status),
    '### Columns',
    table(
      ['column', 'shows', 'with'],
      columns.map(({ name, jsonPath, priority }) => [name, code(jsonPath.slice(1)), priority === 0 ? '' : '`-o wide`']),
    ),
  ].join('\n\n');
}

function fieldTable(path: string, of: Node | undefined): string {
  return table(['field', 'type', 'bounds', 'what it is'], of === undefined ? [] : fieldRows(path, of));
}

/** Returns a row for each field below a node. The fields of an object follow it. */
function fieldRows(path: string, { properties, required }: Node): readonly (readonly string[])[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const own = `${path}.${name}`;
    const bounds = [required.includes(name) ? 'required' : '', ...boundsOf(field)].filter((bound) => bound !== '');
    const shown = field.items?.type === 'object' ? `${own}[]` : own;
    const below = field.items ?? field;
    return [[code(shown), typeOf(field), bounds.join('; '), field.description], ...fieldRows(shown, below)];
  });
}

function typeOf({ type, format, items, additionalProperties }: Node): string {
  if (items !== undefined) return `list of ${items.type}s`;
  if (additionalProperties !== undefined) return `map of ${additionalProperties.type}s`;
  return format === undefined || format === 'int64' ? type : format;
}

function boundsOf(field: Node): readonly string[] {
  const { enum: values, items, additionalProperties, minimum, minLength, maxLength, maxItems, maxProperties } = field;
  return [
    field.default === undefined ? '' : `default ${code(JSON.stringify(field.default))}`,
    values === undefined ? '' : values.map(code).join(', '),
    minimum === undefined ? '' : `≥ ${String(minimum)}`,
    minLength === undefined ? '' : 'not empty',
    maxLength === undefined ? '' : `≤ ${String(maxLength)} characters`,
    maxItems === undefined ? '' : `≤ ${String(maxItems)} entries`,
    maxProperties === undefined ? '' : `≤ ${String(maxProperties)} entries`,
    ...[items, additionalProperties].flatMap((each) =>
      each?.maxLength === undefined ? [] : [`each ≤ ${String(each.maxLength)} characters`],
    ),
  ];
}
