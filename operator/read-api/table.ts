import { badRequest } from './status-error.ts';

/** A column of `kubectl get`. */
export interface TableColumn<T> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'date';
  readonly description: string;
  /** Shown only with `-o wide`. */
  readonly wide?: boolean;
  readonly cell: (object: T) => string | number | undefined;
}

interface TableObject {
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Returns whether the client accepts a Table. kubectl lists it in the Accept header before its alternatives. */
export function wantsTable(accept: string): boolean {
  return accept
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim()))
    .some(([type, ...parameters]) => {
      const has = (parameter: string) => parameters.includes(parameter);
      return type === 'application/json' && has('as=Table') && has('v=v1') && has('g=meta.k8s.io');
    });
}

/**
 * Returns a metav1.Table (https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables).
 *
 * @param include the query parameter `includeObject`: which part of the object each row contains
 * @throws StatusError (400) for an unknown value of `include`
 */
export function toTable<T extends TableObject>(
  objects: readonly T[],
  columns: readonly TableColumn<T>[],
  listMetadata: Readonly<Record<string, unknown>>,
  include: string,
): Record<string, unknown> {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: listMetadata,
    columnDefinitions: columns.map(({ name, type, description, wide }) => ({
      name,
      type,
      format: name === 'Name' ? 'name' : '',
      description,
      priority: wide === true ? 1 : 0,
    })),
    rows: objects.map((object) => ({
      cells: columns.map(({ cell }) => cell(object) ?? '<none>'),
      ...rowObject(object, include),
    })),
  };
}

function rowObject({ metadata, ...rest }: TableObject, include: string): { object?: unknown } {
  switch (include) {
    case 'None':
      return {};
    case '':
    case 'Metadata':
      return { object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata } };
    case 'Object':
      return { object: { ...rest, metadata } };
    default:
      throw badRequest('includeObject can be None, Metadata or Object');
  }
}

/** Formats the time since a moment like the AGE column of kubectl: `45s`, `12m`, `5h`, `3d`. */
export function formatAge(moment: Date | undefined, now: Date): string | undefined {
  if (moment === undefined) return undefined;
  const seconds = Math.max(0, Math.floor((now.getTime() - moment.getTime()) / 1_000));
  if (seconds < 120) return `${String(seconds)}s`;
  if (seconds < 2 * 3_600) return `${String(Math.floor(seconds / 60))}m`;
  if (seconds < 2 * 86_400) return `${String(Math.floor(seconds / 3_600))}h`;
  return `${String(Math.floor(seconds / 86_400))}d`;
}
