import { ANNOTATIONS, CLAIM_ROLLOUT_POLICY } from './names.ts';

const CLAIM = `object.spec.template.?metadata.?annotations[?'${ANNOTATIONS.allocation}'].orValue('')`;
const SELECTOR = `object.spec.template.?metadata.?annotations[?'${ANNOTATIONS.allocationSelector}'].orValue('')`;
const RECREATES = `object.spec.?strategy.?type.orValue('') == 'Recreate'`;

/** How many pods a rollout may add, or lack. Kubernetes rounds the first up and the second down. */
const VARIABLES = [
  { name: 'replicas', expression: 'object.spec.?replicas.orValue(1)' },
  { name: 'maxSurge', expression: `string(object.spec.?strategy.?rollingUpdate.?maxSurge.orValue('25%'))` },
  { name: 'maxUnavailable', expression: `string(object.spec.?strategy.?rollingUpdate.?maxUnavailable.orValue('25%'))` },
  { name: 'surge', expression: podsOf('maxSurge', 99) },
  { name: 'unavailable', expression: podsOf('maxUnavailable', 0) },
];

function podsOf(field: string, roundedBy: number): string {
  const text = `variables.${field}`;
  return `${text}.endsWith('%') ? (int(${text}.replace('%', '')) * variables.replicas + ${String(roundedBy)}) / 100 : int(${text})`;
}

/**
 * Returns the policy for Deployments whose pods name or select a claim. The default strategy creates the next pod before the old one
 * ends, but one claim serves one pod at a time: such a rollout never completes. Nobody sees this before the first rollout, so
 * the policy warns. It refuses nothing, because the Deployment works until then, and there may be enough claims.
 */
export function claimRolloutPolicy(): Record<string, unknown> {
  const docs = 'See docs/pods.md, "A claim in a Deployment".';
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: CLAIM_ROLLOUT_POLICY },
    spec: {
      failurePolicy: 'Ignore',
      matchConstraints: {
        resourceRules: [
          { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] },
        ],
      },
      matchConditions: [{ name: 'uses-a-claim', expression: `${CLAIM} != '' || ${SELECTOR} != ''` }],
      variables: VARIABLES,
      validations: [
        {
          expression: `${CLAIM} == '' || ${RECREATES} || variables.maxSurge in ['0', '0%']`,
          message: `The pods of this Deployment use a claim (${ANNOTATIONS.allocation}), and its strategy creates the next pod before the old one ends. So every rollout waits for ever. Set strategy.type to Recreate, or strategy.rollingUpdate.maxSurge to 0 and maxUnavailable to 1. ${docs}`,
        },
        {
          expression: `${CLAIM} == '' || variables.replicas <= 1`,
          message: `The pods of this Deployment use a claim (${ANNOTATIONS.allocation}), whose address serves one pod at a time. Set replicas to 1: all other pods are refused. ${docs}`,
        },
        {
          expression: `${SELECTOR} == '' || ${RECREATES} || variables.surge == 0 || variables.unavailable > 0`,
          message: `The pods of this Deployment use claims (${ANNOTATIONS.allocationSelector}), and its strategy creates the next pod before an old one ends. A rollout waits for ever without more claims than replicas. ${docs}`,
          messageExpression: `'The pods of this Deployment use claims (${ANNOTATIONS.allocationSelector}), and its strategy creates the next pod before an old one ends. A rollout waits for ever if fewer than ' + string(variables.replicas + variables.surge) + ' claims have these labels. ${docs}'`,
        },
      ],
    },
  };
}
