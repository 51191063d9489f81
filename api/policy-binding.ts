/** Returns the binding that makes a ValidatingAdmissionPolicy of this name refuse requests in the whole cluster. */
export function policyBinding(name: string): Record<string, unknown> {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'] },
  };
}
