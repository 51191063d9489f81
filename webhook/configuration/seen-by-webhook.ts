import { type InjectionMode, isSelectedNamespaceExpression } from '../../api/injection-mode.ts';
import {
  instanceConditions,
  type MatchCondition,
  namesANetwork,
  notBeingDeleted,
  notOptedOut,
  optedInByAnnotation,
  podConditions,
} from './match-conditions.ts';

/** The namespaces in which a policy applies. A match condition sees no namespace, so there is a policy for each. */
export type Namespaces = 'opted-in' | 'others';

/**
 * Returns CEL that repeats when the API server sends an object to the webhook, which has decided about it then. With a mode
 * instead of the namespaces it reads the labels of the namespace itself, for pods only.
 *
 * In opt-out mode a pod that names neither a network nor an address may pass unseen. Nobody needs to know: it has no address.
 */
export function isSeenByWebhook(systemNamespace: string, where: Namespaces | { readonly mode: InjectionMode }): string {
  const asks = `(${optedInByAnnotation.expression})`;
  const optedIn =
    typeof where === 'object' ? [`(${asks} || ${isUnaskedPodSent(where.mode)})`] : where === 'others' ? [asks] : [];
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

/** A pod that got our gate names a network: the webhook gates no other pod of a namespace where all pods get addresses. */
function isUnaskedPodSent(mode: InjectionMode): string {
  const names = mode === 'opt-out' ? [`(${namesANetwork.expression})`] : [];
  return `(${allOf(isSelectedNamespaceExpression(mode), ...names)})`;
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
