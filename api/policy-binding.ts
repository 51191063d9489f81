/** What the API server does with a request that a policy refuses. */
export type PolicyAction = 'Deny' | 'Warn';

interface BindingOptions {
  /** Default: the name of the policy. */
  readonly name?: string;
  /** Limits the binding to some namespaces or kinds. */
  readonly matchResources?: Record<string, unknown>;
  /** Default: Deny. */
  readonly action?: PolicyAction;
  /** The ConfigMap with the parameters of the policy. While it does not exist, the policy does not apply. */
  readonly params?: { readonly namespace: string; readonly name: string };
}

/** Returns a binding that makes the ValidatingAdmissionPolicy `policyName` apply, by default in the whole cluster. */
export function policyBinding(
  policyName: string,
  { name = policyName, action = 'Deny', params, matchResources }: BindingOptions = {},
): Record<string, unknown> {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: {
      policyName,
      validationActions: [action],
      ...(matchResources !== undefined && { matchResources }),
      // `Deny` would refuse every pod of the cluster, its network and its DNS, until an operator had run once.
      ...(params !== undefined && { paramRef: { ...params, parameterNotFoundAction: 'Allow' } }),
    },
  };
}
