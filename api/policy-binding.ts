/** What the API server does with a request that a policy refuses. */
export type PolicyAction = 'Deny' | 'Warn';

interface BindingOptions {
  /** Default: Deny. */
  readonly action?: PolicyAction;
  /** The ConfigMap with the parameters of the policy. While it does not exist, the policy does not apply. */
  readonly params?: { readonly namespace: string; readonly name: string };
}

/** Returns the binding that makes a ValidatingAdmissionPolicy of this name apply in the whole cluster. */
export function policyBinding(name: string, { action = 'Deny', params }: BindingOptions = {}): Record<string, unknown> {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: {
      policyName: name,
      validationActions: [action],
      // `Deny` would refuse every pod of the cluster, its network and its DNS, until an operator had run once.
      ...(params !== undefined && { paramRef: { ...params, parameterNotFoundAction: 'Allow' } }),
    },
  };
}
