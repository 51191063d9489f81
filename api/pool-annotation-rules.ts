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
  /** In CEL: what is as good as the right of the author. */
  readonly orElse?: string;
}

/** Returns the rule that requires the verb `use` on a pool from whoever names it in an annotation. */
export function poolAnnotationRule({ annotation, namespace, to, orElse }: PoolAnnotation): Record<string, unknown> {
  const pool = valueOf('object', annotation);
  const allowed = [
    `${pool} == ''`,
    isUnchanged(annotation),
    mayUse(namespace, pool),
    ...(orElse === undefined ? [] : [orElse]),
  ];
  return {
    expression: allowed.join(' || '),
    reason: 'Forbidden',
    messageExpression: `'User "' + request.userInfo.username + '" may not use MacPool "' + ${pool} + '", which annotation ${annotation} gives to ${to}. Name another pool, or ask for the verb "use" on macpools.${GROUP}/' + ${pool} + '.'`,
  };
}

/** Returns the CEL check of the verb `use` on one pool in a namespace, or on all of them: of the author, or of `who`. */
export function mayUse(namespace: string, pool?: string, who?: string): string {
  const named = pool === undefined ? '' : `.name(${pool})`;
  return `authorizer${who === undefined ? '' : `.${who}`}.group('${GROUP}').resource('macpools').namespace(${namespace})${named}.check('use').allowed()`;
}

export function isUnchanged(annotation: string): string {
  return `${valueOf('object', annotation)} == (oldObject == null ? '' : ${valueOf('oldObject', annotation)})`;
}

export function valueOf(object: string, annotation: string): string {
  return `${object}.metadata.?annotations[?'${annotation}'].orValue('')`;
}
