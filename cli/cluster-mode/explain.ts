import { KubeConnectionError, KubeDecodeError, KubeError } from '../../kube/client/errors.ts';
import { KubeConfigError } from '../../kube/client/kubeconfig.ts';
import { UserError } from '../errors.ts';

/** What the API server or the way to it said, as cause, next step and exit code. Anything else comes back as it is. */
export function explainKubeError(error: unknown, namespace: string): unknown {
  if (error instanceof KubeConfigError) {
    return new UserError(sentence(error.message), 'Name another by --kubeconfig or --context.', 'unavailable');
  }
  if (error instanceof KubeConnectionError) {
    return new UserError(
      `The cluster cannot be reached (${error.message}).`,
      'Check --kubeconfig and --context, and that `kubectl get --raw /readyz` answers.',
      'unavailable',
    );
  }
  if (error instanceof KubeDecodeError) {
    return new UserError(sentence(error.message), 'The plugin and the CRDs of the cluster may be of two versions.');
  }
  return error instanceof KubeError ? explainStatus(error, namespace) : error;
}

function explainStatus(error: KubeError, namespace: string): UserError {
  const { status, message, details } = error;
  const cause = sentence(message);
  if (isWebhookFailure(error)) {
    return new UserError(
      `Nothing was done, since the webhook of rock-mac did not answer (${message}).`,
      'Look at its pods (`kubectl get pods -A -l app.kubernetes.io/component=rock-mac-webhook`), then try again.',
      'unavailable',
    );
  }
  if (status === 404 && details?.name === undefined) {
    return new UserError(
      'This cluster knows no MacAllocations: rock-mac is not installed in it.',
      'Install it, or name another --context.',
      'unavailable',
    );
  }
  if (status === 404 && details?.kind === 'namespaces') {
    return new UserError(cause, 'Name another by -n, or make it: `kubectl create namespace`.');
  }
  switch (status) {
    case 401:
      return new UserError('The cluster does not know you.', 'Log in again, or name another --context.', 'forbidden');
    case 403:
      return explainForbidden(error, namespace);
    case 409:
      return new UserError(cause, 'Try again.', 'conflict');
    case 422:
      return new UserError(cause, 'Correct the value and try again.');
    default:
      return status >= 500 || status === 429
        ? new UserError(cause, 'Try again.', 'unavailable')
        : new UserError(cause, 'See `kubectl explain macallocation.spec`.');
  }
}

function explainForbidden(error: KubeError, namespace: string): UserError {
  // The policy for pools says itself what to do.
  if (error.message.includes('may not use MacPool')) {
    return new UserError(sentence(error.message.replace(/^.*?denied request: /s, '')), '', 'forbidden');
  }
  return new UserError(sentence(error.message), forbiddenNextStep(error, namespace), 'forbidden');
}

/** Rights are only one of the reasons for which the API server says "forbidden". */
function forbiddenNextStep({ message }: KubeError, namespace: string): string {
  if (message.includes('exceeded quota')) {
    return (
      `Release what is not needed (\`kubectl rock-mac list -n ${namespace}\`), or ask for a larger quota ` +
      `(\`kubectl describe quota -n ${namespace}\`).`
    );
  }
  if (message.includes('status unknown for quota')) return 'The quota has not been counted yet: try again in a moment.';
  if (message.includes('being terminated')) return 'Name another namespace by -n.';
  if (!/ cannot \w+ resource /.test(message)) return 'A rule of this cluster forbids it: ask whoever runs the cluster.';
  return (
    `Ask for the role \`edit\` in namespace ${namespace}, or name another by -n ` +
    `(\`kubectl auth can-i --list -n ${namespace}\`).`
  );
}

function isWebhookFailure({ status, message }: KubeError): boolean {
  return status === 500 && /failed calling webhook|failed to call webhook/.test(message);
}

function sentence(text: string): string {
  const trimmed = text.trim();
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
