import { LABELS } from '../../api/names.ts';
import { OPT_IN_LABEL_VALUES } from '../../api/opt-in.ts';
import {
  instanceConditions,
  type MatchCondition,
  notBeingDeleted,
  notOptedOut,
  optedInByAnnotation,
  podConditions,
} from './match-conditions.ts';

/** Where an entry or a policy applies. A condition sees no namespace, so there is one for each. */
export type Namespaces = 'opted-in' | 'others';

/** Returns a selector of the namespaces with the label that opts in, or of all others. */
export function selectNamespaces(namespaces: Namespaces) {
  const operator = namespaces === 'opted-in' ? 'In' : 'NotIn';
  return { matchExpressions: [{ key: LABELS.inject, operator, values: OPT_IN_LABEL_VALUES }] };
}

/** Returns CEL that is true in a namespace with the label. It cannot be used in a match condition. */
const namespaceOptedIn = `namespaceObject.metadata.?labels[?'${LABELS.inject}'].orValue('') in [${OPT_IN_LABEL_VALUES.map((value) => `'${value}'`).join(', ')}]`;

/**
 * Returns CEL that repeats when the API server sends an object to the webhook, which has decided about it then. Without
 * `namespaces`, it reads the label of the namespace itself.
 */
export function isSeenByWebhook(systemNamespace: string, namespaces?: Namespaces): string {
  const optedIn = {
    'opted-in': [],
    others: [`(${optedInByAnnotation.expression})`],
    unknown: [`(${namespaceOptedIn} || (${optedInByAnnotation.expression}))`],
  }[namespaces ?? 'unknown'];
  return allOf(
    "request.?subResource.orValue('') == ''",
    // The chart replaces this list.
    `!(request.namespace in ${JSON.stringify(['kube-system', systemNamespace])})`,
    ...optedIn,
    ...[notBeingDeleted, notOptedOut].map(expressionOf),
    anyOf(
      allOf("request.resource.resource == 'pods'", ...podConditions.map(expressionOf)),
      // An update that adds an address adds or changes an interface.
      "request.resource.resource == 'virtualmachines'",
      allOf(
        "request.resource.resource == 'virtualmachineinstances'",
        'oldObject == null',
        ...instanceConditions.map(expressionOf),
      ),
    ),
  );
}

function expressionOf({ expression }: MatchCondition): string {
  return `(${expression})`;
}

function allOf(...expressions: readonly string[]): string {
  return expressions.join(' && ');
}

function anyOf(...expressions: readonly string[]): string {
  return `(${expressions.map((each) => `(${each})`).join(' || ')})`;
}
