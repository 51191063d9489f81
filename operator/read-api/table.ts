import { badRequest } from './problem.ts';

/** A column of `kubectl get`: its head, and what stands in it. */
export interface TableColumn<T> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'date';
  readonly description: string;
  /** Shown by `-o wide` only. */
  readonly wide?: boolean;
  readonly cell: (object: T) => string | number | undefined;
}

interface Shown {
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Whether the answer shall be a Table: kubectl says so in the Accept header, with what it takes otherwise behind it. */
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
 * metav1.Table (https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables).
 *
 * @param include the query's `includeObject`: what of each object goes with its row
 * @throws Problem (400) for another `include`
 */
export function tableOf<T extends Shown>(
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
      ...included(object, include),
    })),
  };
}

function included({ metadata, ...rest }: Shown, include: string): { object?: unknown } {
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

/** How long ago, as kubectl writes it in a column of its own making: `45s`, `12m`, `5h`, `3d`. */
export function ago(moment: Date | undefined, now: Date): string | undefined {
  if (moment === undefined) return undefined;
  const seconds = Math.max(0, Math.floor((now.getTime() - moment.getTime()) / 1_000));
  if (seconds < 120) return `${String(seconds)}s`;
  if (seconds < 2 * 3_600) return `${String(Math.floor(seconds / 60))}m`;
  if (seconds < 2 * 86_400) return `${String(Math.floor(seconds / 3_600))}h`;
  return `${String(Math.floor(seconds / 86_400))}d`;
}
