import { KubeConnectionError, KubeDecodeError, KubeError } from '../../kube/client/errors.ts';
import { KubeConfigError } from '../../kube/client/kubeconfig.ts';
import { UserError } from '../errors.ts';

/** Returns a UserError for an error of the Kubernetes client. Returns any other error unchanged. */
export function explainKubeError(error: unknown, namespace: string): unknown {
  if (error instanceof KubeConfigError) {
    return new UserError(
      sentence(error.message),
      'Name another one with --kubeconfig or KUBECONFIG, or another --context.',
      'unavailable',
    );
  }
  if (error instanceof KubeConnectionError) {
    return new UserError(
      `The cluster cannot be reached (${error.message}).`,
      'Check --kubeconfig and --context, and whether `kubectl get --raw /readyz` succeeds.',
      'unavailable',
    );
  }
  if (error instanceof KubeDecodeError) {
    return new UserError(
      sentence(error.message),
      'The plugin and the CRDs of the cluster may have different versions.',
    );
  }
  return error instanceof KubeError ? explainStatus(error, namespace) : error;
}

/** Returns a function that wraps a method: errors of the Kubernetes client become errors for the user. */
export function explainErrors({ namespace }: { readonly namespace: string }) {
  return <A extends readonly unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await work(...args);
      } catch (error) {
        throw explainKubeError(error, namespace);
      }
    };
}

function explainStatus(error: KubeError, namespace: string): UserError {
  const { status, message, details } = error;
  const cause = sentence(message);
  if (isWebhookFailure(error)) {
    return new UserError(
      `Nothing was changed, because the webhook of rock-mac did not respond (${message}).`,
      'Check its pods (`kubectl get pods -A -l app.kubernetes.io/component=rock-mac-webhook`), then try again.',
      'unavailable',
    );
  }
  if (status === 404 && details?.name === undefined) {
    return new UserError(
      'This cluster has no MacAllocations: rock-mac is not installed in it.',
      'Install it, or name another --context.',
      'unavailable',
    );
  }
  if (status === 404 && details?.kind === 'namespaces') {
    return new UserError(cause, 'Name another one with -n, or create it: `kubectl create namespace`.');
  }
  switch (status) {
    case 401:
      return new UserError(
        'The cluster rejected your credentials.',
        'Log in again, or name another --context.',
        'forbidden',
      );
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
  // The message of the policy for pools already names the next step.
  if (error.message.includes('may not use MacPool')) {
    return new UserError(sentence(error.message.replace(/^.*?denied request: /s, '')), '', 'forbidden');
  }
  return new UserError(sentence(error.message), forbiddenNextStep(error, namespace), 'forbidden');
}

/** Returns the next step. Missing permissions are only one of the reasons for "forbidden". */
function forbiddenNextStep({ message }: KubeError, namespace: string): string {
  if (message.includes('exceeded quota')) {
    return (
      `Release unused addresses (\`kubectl rock-mac list -n ${namespace}\`), or ask for a larger quota ` +
      `(\`kubectl describe quota -n ${namespace}\`).`
    );
  }
  if (message.includes('status unknown for quota')) return 'The quota has not been counted yet: try again in a moment.';
  if (message.includes('being terminated')) return 'Name another namespace with -n.';
  const verb = / cannot (\w+) resource /.exec(message)?.[1];
  if (verb === undefined) return 'A policy of this cluster forbids it: ask the administrator of the cluster.';
  if (/resource "macpools"/.test(message)) {
    return `Pools belong to the whole cluster: ask its administrator, or for \`${verb}\` on macpools.`;
  }
  const role = ['get', 'list', 'watch'].includes(verb) ? 'view' : 'edit';
  return (
    `Ask for the role \`${role}\` in namespace ${namespace}, or name another one with -n ` +
    `(\`kubectl auth can-i --list -n ${namespace}\`).`
  );
}

function isWebhookFailure({ status, message }: KubeError): boolean {
  return status === 500 && /failed calling webhook|failed to call webhook/.test(message);
}

/** Returns the text with a capital letter first and a full stop last. */
function sentence(text: string): string {
  const trimmed = text.trim();
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
