/**
 * The message of the API server for a refusal of a webhook:
 * https://github.com/kubernetes/kubernetes/blob/v1.37.0/staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/errors/statuserror.go
 */
const REFUSED_BY_WEBHOOK = /^admission webhook "[^"]+" denied the request: (.+)$/s;

/** The message for a refusal of a policy, which also names the object and the policy. */
const REFUSED_BY_POLICY = /denied request: (.+)$/s;

/** Returns the text that a webhook or a policy refused an object with, or `undefined` for any other message. */
export function refusalText(message: string): string | undefined {
  return REFUSED_BY_WEBHOOK.exec(message)?.[1] ?? REFUSED_BY_POLICY.exec(message)?.[1];
}
