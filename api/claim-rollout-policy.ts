import { ANNOTATIONS, CLAIM_ROLLOUT_POLICY } from './names.ts';

const CLAIM = `object.spec.template.?metadata.?annotations[?'${ANNOTATIONS.allocation}'].orValue('')`;
const MAX_SURGE = `string(object.spec.?strategy.?rollingUpdate.?maxSurge.orValue('25%'))`;

/**
 * Returns the policy for Deployments whose pods name a claim. The default strategy creates the next pod before the old one
 * ends, but one claim serves one pod at a time: such a rollout never completes. Nobody sees this before the first rollout, so
 * the policy warns. It refuses nothing, because the Deployment works until then.
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
      matchConditions: [{ name: 'names-a-claim', expression: `${CLAIM} != ''` }],
      validations: [
        {
          expression: `object.spec.?strategy.?type.orValue('') == 'Recreate' || ${MAX_SURGE} in ['0', '0%']`,
          message: `The pods of this Deployment use a claim (${ANNOTATIONS.allocation}), and its strategy creates the next pod before the old one ends. So every rollout waits for ever. Set strategy.type to Recreate, or strategy.rollingUpdate.maxSurge to 0 and maxUnavailable to 1. ${docs}`,
        },
        {
          expression: `object.spec.?replicas.orValue(1) <= 1`,
          message: `The pods of this Deployment use a claim (${ANNOTATIONS.allocation}), whose address serves one pod at a time. Set replicas to 1: all other pods are refused. ${docs}`,
        },
      ],
    },
  };
}
