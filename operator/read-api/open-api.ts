import { createHash } from 'node:crypto';
import { LEDGER_KINDS } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import { toStructuralSchema } from '../../api/structural-schema.ts';

/** The OpenAPI v3 document of the group, generated from the types. `kubectl explain` shows it. */
export const openApiDocument = {
  openapi: '3.0.0',
  info: { title: 'rock-mac ledger', version: LEDGER_VERSION },
  paths: Object.fromEntries(LEDGER_KINDS.flatMap(({ plural, kind }) => pathsOf(plural, kind))),
  components: {
    schemas: Object.fromEntries<object>(
      LEDGER_KINDS.flatMap(({ kind, schema }): (readonly [string, object])[] => [
        [modelOf(kind), { ...toStructuralSchema(schema), ...groupVersionKind(kind) }],
        [modelOf(`${kind}List`), { ...listSchema(kind), ...groupVersionKind(`${kind}List`) }],
      ]),
    ),
  },
};

function groupVersionKind(kind: string) {
  return { 'x-kubernetes-group-version-kind': [{ group: LEDGER_GROUP, version: LEDGER_VERSION, kind }] };
}

function listSchema(kind: string) {
  return {
    description: `A page of objects of the kind ${kind}.`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: {
        type: 'object',
        properties: {
          continue: { type: 'string', description: 'The token of the next page. Absent on the last page.' },
          resourceVersion: {
            type: 'string',
            description:
              'Of auditentries: every change up to this id was read. Continue from here with the field afterId.',
          },
        },
      },
      items: { type: 'array', items: reference(kind) },
    },
  };
}

function reference(kind: string) {
  return { $ref: `#/components/schemas/${modelOf(kind)}` };
}

const hash = createHash('sha256').update(JSON.stringify(openApiDocument)).digest('hex').toUpperCase();

/** The index of the documents. The hash lets the API server detect a new version. */
export const openApiIndex = {
  paths: {
    [`apis/${LEDGER_GROUP}/${LEDGER_VERSION}`]: {
      serverRelativeURL: `/openapi/v3/apis/${LEDGER_GROUP}/${LEDGER_VERSION}?hash=${hash}`,
    },
  },
};

function modelOf(kind: string): string {
  return `io.rock-os.mac.ledger.${LEDGER_VERSION}.${kind}`;
}

function pathsOf(plural: string, kind: string): readonly (readonly [string, unknown])[] {
  const base = `/apis/${LEDGER_GROUP}/${LEDGER_VERSION}/${plural}`;
  return [
    [base, { get: operation('list', kind, reference(`${kind}List`)) }],
    [`${base}/{name}`, { get: operation('get', kind, reference(kind)) }],
  ];
}

function operation(action: 'list' | 'get', kind: string, schema: unknown) {
  return {
    operationId: `${action}${kind}`,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group: LEDGER_GROUP, version: LEDGER_VERSION, kind },
    responses: { 200: { description: 'OK', content: { 'application/json': { schema } } } },
  };
}
