import { type InjectionMode, otherNamespaces, selectedNamespaces } from '../../api/injection-mode.ts';
import {
  ANNOTATIONS,
  EXEMPT_USERS,
  GROUP,
  STRAY_ADDRESSES_POLICIES,
  UNPOOLED_ADDRESSES_POLICIES,
} from '../../api/names.ts';
import { type PolicyAction, policyBinding } from '../../api/policy-binding.ts';
import { addressTextOf, otherTextOf, webhookTextOf, withoutSeparators } from './address-text.ts';
import type { MatchCondition } from './match-conditions.ts';
import { isSeenByWebhook, type Namespaces } from './seen-by-webhook.ts';

/*
 * Policies for addresses that a workload uses without the webhook having seen it. The API server evaluates them after all
 * webhooks, also while every program of rock-mac is down. docs/adr/0009 says why they are as they are.
 *
 * An update is checked by the addresses that it adds. So nothing that was stored before can block a controller.
 */

/**
 * Limits the addresses under a prefix in one object, because the API server limits the cost of a policy. The webhook allows
 * 64 interfaces, and a pod repeats each address in up to three annotations.
 */
const MAX_ADDRESSES = 256;

/**
 * Limits the pools of one object whose use is checked. The API server charges each check a third of what one expression may
 * cost, so every check is an expression of its own.
 */
const MAX_POOLS = 4;

const rule = (apiGroup: string, operations: readonly string[], resources: readonly string[]) => ({
  apiGroups: [apiGroup],
  apiVersions: apiGroup === '' ? ['v1'] : ['*'],
  operations,
  resources,
  scope: 'Namespaced',
});

/** What the policies apply to. Their bindings choose the namespaces, and pods and machines may differ in those. */
const POD_RULES = [
  // The other subresources of a pod change no annotation.
  rule('', ['CREATE', 'UPDATE'], ['pods', 'pods/status']),
  // A binding can bring annotations along.
  rule('', ['CREATE'], ['pods/binding', 'bindings']),
];
const MACHINE_RULES = [
  // A replica set or a pool is checked by its template: virt-controller, which is exempt, writes what comes of it.
  rule(
    'kubevirt.io',
    ['CREATE', 'UPDATE'],
    ['virtualmachines', 'virtualmachineinstances', 'virtualmachineinstancereplicasets'],
  ),
  rule('pool.kubevirt.io', ['CREATE', 'UPDATE'], ['virtualmachinepools']),
];

/**
 * Returns the bindings of both policies for pods or for machines, in the namespaces that the mode selects and in all others.
 * `params` is the ConfigMap with the address ranges.
 */
export function strayAddressesBindings(
  kinds: 'pods' | 'machines',
  mode: InjectionMode,
  params: { readonly namespace: string; readonly name: string },
): readonly Record<string, unknown>[] {
  const resourceRules = kinds === 'pods' ? POD_RULES : MACHINE_RULES;
  const selectors = { 'opted-in': [selectedNamespaces(mode)], others: otherNamespaces(mode) };
  return (['opted-in', 'others'] as const).flatMap((namespaces) =>
    selectors[namespaces].flatMap((matchExpressions, index) => {
      const matchResources = { namespaceSelector: { matchExpressions }, resourceRules };
      const suffix = index === 0 ? kinds : `${kinds}-${String(index + 1)}`;
      const bind = (policy: string, action: PolicyAction) =>
        policyBinding(policy, { name: `${policy}-${suffix}`, action, params, matchResources });
      return [
        bind(STRAY_ADDRESSES_POLICIES[namespaces], 'Deny'),
        bind(UNPOOLED_ADDRESSES_POLICIES[namespaces], 'Warn'),
      ];
    }),
  );
}

/** Refuses an object that uses an address of a pool, unless its namespace or its author may use that pool. */
export function strayAddressesPolicy(systemNamespace: string, namespaces: Namespaces): Record<string, unknown> {
  const pool = (index: number) => `variables.foreignPools[${String(index)}]`;
  const check = (name: string) =>
    `authorizer.group('${GROUP}').resource('macpools').namespace(request.namespace)${name}.check('use').allowed()`;
  const checksOfPools = Array.from({ length: MAX_POOLS }, (_, index) => ({
    expression: `variables.foreignPools.size() <= ${String(index)} || ${check(`.name(${pool(index)}[0])`)}`,
    reason: 'Forbidden',
    messageExpression: foreignPoolMessage(pool(index)),
  }));
  return policy(STRAY_ADDRESSES_POLICIES[namespaces], {
    systemNamespace,
    namespaces,
    variables: [
      ...addressVariables(systemNamespace, namespaces),
      {
        name: 'ownPool',
        expression: `namespaceObject.metadata.?annotations[?'${ANNOTATIONS.pool}'].orValue('')`,
      },
      {
        name: 'foreignPools',
        expression: `variables.strays.size() == 0 ? [] : variables.pools.filter(pool, pool[0] != variables.ownPool && variables.strays.exists(mac, ${isInPool}))`,
      },
    ],
    validations: [
      {
        expression: `variables.found[0].size() <= ${String(MAX_ADDRESSES)}`,
        reason: 'Invalid',
        message: `An object may name an address of rock-mac ${String(MAX_ADDRESSES)} times. Use fewer interfaces.`,
      },
      ...checksOfPools,
      {
        expression: `variables.foreignPools.size() <= ${String(MAX_POOLS)} || ${check('')}`,
        reason: 'Forbidden',
        message: `This object has addresses of more than ${String(MAX_POOLS)} pools. Use fewer pools, or ask for the verb "use" on all macpools.${GROUP}.`,
      },
    ],
  });
}

/** Warns of an address under a prefix that is in no pool. Nobody can be asked for it, and nothing protects it. */
export function unpooledAddressesPolicy(systemNamespace: string, namespaces: Namespaces): Record<string, unknown> {
  return policy(UNPOOLED_ADDRESSES_POLICIES[namespaces], {
    systemNamespace,
    namespaces,
    variables: [
      ...addressVariables(systemNamespace, namespaces),
      {
        name: 'unpooled',
        expression: `variables.strays.filter(mac, !variables.pools.exists(pool, ${isInPool}))`,
      },
    ],
    validations: [
      {
        expression: 'variables.unpooled.size() == 0',
        messageExpression: `'Address ' + variables.unpooled[0] + ' is under a prefix of rock-mac and in none of its pools, so nothing protects it from a second use. Use an address of a pool (kubectl get macpools).'`,
      },
    ],
  });
}

const isInPool = 'pool[1] <= mac && mac <= pool[2]';

function foreignPoolMessage(pool: string): string {
  const address = `variables.strays.filter(mac, ${pool}[1] <= mac && mac <= ${pool}[2])[0]`;
  return [
    `'User "' + request.userInfo.username + '" may not use MacPool "' + ${pool}[0] + '" in namespace "' + request.namespace + '", and '`,
    `${address} + ' is an address of it. Leave the address out; the annotation ${ANNOTATIONS.inject}: "true" gets you one. '`,
    `'Or ask for the verb "use" on macpools.${GROUP}/' + ${pool}[0] + '.'`,
  ].join(' + ');
}

interface PolicyParts {
  readonly systemNamespace: string;
  readonly namespaces: Namespaces;
  readonly variables: readonly object[];
  readonly validations: readonly object[];
}

function policy(
  name: string,
  { systemNamespace, namespaces, variables, validations }: PolicyParts,
): Record<string, unknown> {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: {
      // `Ignore` would let pass whatever costs too much to evaluate, and its author decides what it costs.
      failurePolicy: 'Fail',
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConstraints: {
        resourceRules: [...POD_RULES, ...MACHINE_RULES],
      },
      // Nearly all requests end here. Without these conditions they took a third of the time of a create.
      matchConditions: [notExempt, addsAnUnseenAddress(systemNamespace, namespaces)],
      variables,
      validations,
    },
  };
}

/** The chart replaces the list. */
const notExempt: MatchCondition = {
  name: 'not-an-exempt-user',
  expression: `!(request.userInfo.username in ${JSON.stringify(EXEMPT_USERS)})`,
};

/**
 * The product of the lengths of a text and of all prefixes, up to which a condition searches the text. The API server limits
 * the cost of conditions to a quarter of that of a policy, and this takes a tenth of it.
 */
const MAX_SEARCH = 1_000_000;

/**
 * Whether the request changes the text, the text can have an address under a prefix, and the webhook has not decided about
 * everything that the request adds. It is one condition, because the API server evaluates every condition.
 */
function addsAnUnseenAddress(systemNamespace: string, namespaces: Namespaces): MatchCondition {
  const isChanged = `text != (oldObject == null ? '' : ${addressTextOf('oldObject')})`;
  const isUnseen = `!(${isSeenWhole(systemNamespace, namespaces)})`;
  return {
    name: 'adds-an-address-under-a-prefix',
    expression: `params.?data[?'prefixes'].orValue('') != '' && [${addressTextOf('object')}].exists(text, text != '' && ${isChanged} && ${namesAPrefix('text')} && ${isUnseen})`,
  };
}

/** Returns CEL that is true if the webhook has decided about everything that the request adds. */
function isSeenWhole(systemNamespace: string, namespaces: Namespaces): string {
  const addsNothingElse = `${otherTextOf('object')} == (oldObject == null ? '' : ${otherTextOf('oldObject')})`;
  return `${isSeenByWebhook(systemNamespace, namespaces)} && ${addsNothingElse}`;
}

/** Returns whether a text has the digits of a prefix with any separators between them, or an escape, which can hide any. */
function namesAPrefix(text: string): string {
  const prefixes = "params.data['prefixes']";
  const separators = '[-.:]*';
  const digits = `${prefixes}.replace(':', '').split('').join('${separators}').replace('${separators} ${separators}', '|')`;
  const isLong = `${text}.size() * ${prefixes}.size() > ${String(MAX_SEARCH)}`;
  return `(${isLong} || ${text}.matches(r'(?i)\\\\u00|' + ${digits}))`;
}

/**
 * Returns the variables that both policies use. `strays` are the addresses under a prefix that the request adds to the
 * object and that the webhook has not seen.
 */
function addressVariables(systemNamespace: string, namespaces: Namespaces): readonly object[] {
  const found = `${withoutSeparators('text')}.findAll(variables.pattern, ${String(MAX_ADDRESSES + 1)})`;
  const inColonForm = `[0, 2, 4, 6, 8, 10].map(start, mac.substring(start, start + 2)).join(':')`;
  return [
    { name: 'prefixes', expression: "params.?data[?'prefixes'].orValue('')" },
    // Lines of `name first last`.
    {
      name: 'pools',
      expression: `params.?data[?'pools'].orValue('').split('\\n').map(line, line.split(' ')).filter(pool, pool.size() == 3)`,
    },
    {
      name: 'pattern',
      expression: `r'\\b(?:' + variables.prefixes.replace(':', '').replace(' ', '|') + r')[0-9a-f]+\\b'`,
    },
    { name: 'text', expression: addressTextOf('object') },
    { name: 'textBefore', expression: `oldObject == null ? '' : ${addressTextOf('oldObject')}` },
    { name: 'isSeen', expression: isSeenByWebhook(systemNamespace, namespaces) },
    // The addresses in the text, in the text before, and in what the webhook has seen, as digits without separators.
    {
      name: 'found',
      expression: `[variables.text, variables.textBefore, variables.isSeen ? ${webhookTextOf('object')} : ''].map(text, ${found})`,
    },
    {
      name: 'strays',
      expression: `variables.found[0].filter(mac, mac.size() == 12 && !(mac in variables.found[1]) && !(mac in variables.found[2])).map(mac, ${inColonForm})`,
    },
  ];
}
