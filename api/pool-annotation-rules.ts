import { GROUP } from './names.ts';

/*
 * Rules of a ValidatingAdmissionPolicy for an object whose annotations say something about the addresses of other objects. Only
 * changes are checked, so other updates still pass after the author has lost the right.
 */

/** What an annotation that names a pool acts for. */
export interface PoolAnnotation {
  readonly annotation: string;
  /** In CEL: the namespace in which the right counts. A RoleBinding there is enough. */
  readonly namespace: string;
  /** Completes "which annotation … gives to …". */
  readonly to: string;
}

/** Returns the rule that requires the verb `use` on a pool from whoever names it in an annotation. */
export function poolAnnotationRule({ annotation, namespace, to }: PoolAnnotation): Record<string, unknown> {
  const pool = valueOf('object', annotation);
  return {
    expression: `${pool} == '' || ${isUnchanged(annotation)} || ${mayUse(namespace, pool)}`,
    reason: 'Forbidden',
    messageExpression: `'User "' + request.userInfo.username + '" may not use MacPool "' + ${pool} + '", which annotation ${annotation} gives to ${to}. Name another pool, or ask for the verb "use" on macpools.${GROUP}/' + ${pool} + '.'`,
  };
}

/** Returns the CEL check of the verb `use` on one pool in a namespace, or on all of them. */
export function mayUse(namespace: string, pool?: string): string {
  const named = pool === undefined ? '' : `.name(${pool})`;
  return `authorizer.group('${GROUP}').resource('macpools').namespace(${namespace})${named}.check('use').allowed()`;
}

export function isUnchanged(annotation: string): string {
  return `${valueOf('object', annotation)} == (oldObject == null ? '' : ${valueOf('oldObject', annotation)})`;
}

export function valueOf(object: string, annotation: string): string {
  return `${object}.metadata.?annotations[?'${annotation}'].orValue('')`;
}
