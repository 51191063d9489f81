import { Option } from 'commander';
import type { Mode } from '../cli.ts';
import { UserError } from '../errors.ts';

/** `kubectl rock-mac`: through the Kubernetes API, with the rights of the user's kubeconfig. */
export const clusterMode: Mode = {
  kind: 'cluster',
  program: 'kubectl rock-mac',
  description:
    'Hands out MAC addresses through the Kubernetes API, so that no two devices ever get the same one. ' +
    'Flags stand behind the name of the plugin.',
  globalOptions: () => [
    new Option('--kubeconfig <file>', 'how to reach the cluster'),
    new Option('--context <name>', 'which context of the kubeconfig'),
    new Option('-n, --namespace <name>', 'in which namespace'),
  ],
  open: () =>
    Promise.reject(
      new UserError('This build has no way to a cluster yet.', 'Use `kubectl get macallocations`, or `rock-mac`.'),
    ),
};
