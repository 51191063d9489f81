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

/** Returns the variables that `isSeenByWebhook` needs. */
export function seenVariables(systemNamespace: string): readonly object[] {
  return [
    // The chart replaces this list.
    { name: 'exemptNamespaces', expression: JSON.stringify(['kube-system', systemNamespace]) },
    { name: 'isPod', expression: "request.resource.group == ''" },
  ];
}

/** Repeats when the API server sends an object to the webhook, which has decided about it then. */
export const isSeenByWebhook = [
  "request.?subResource.orValue('') == ''",
  '!(request.namespace in variables.exemptNamespaces)',
  `(namespaceObject.metadata.?labels[?'${LABELS.inject}'].orValue('') in [${OPT_IN_LABEL_VALUES.map((value) => `'${value}'`).join(', ')}] || (${optedInByAnnotation.expression}))`,
  ...[notBeingDeleted, notOptedOut].map(({ expression }) => `(${expression})`),
  anyOf(
    allOf('variables.isPod', ...podConditions.map(expressionOf)),
    // An update that adds an address adds or changes an interface.
    "request.resource.resource == 'virtualmachines'",
    allOf(
      "request.resource.resource == 'virtualmachineinstances'",
      'oldObject == null',
      ...instanceConditions.map(expressionOf),
    ),
  ),
].join(' && ');

function expressionOf({ expression }: MatchCondition): string {
  return `(${expression})`;
}

function allOf(...expressions: readonly string[]): string {
  return expressions.join(' && ');
}

function anyOf(...expressions: readonly string[]): string {
  return `(${expressions.map((each) => `(${each})`).join(' || ')})`;
}
