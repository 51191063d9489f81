import { Option } from 'commander';
import type { Mode } from '../cli.ts';

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
    new Option('-n, --namespace <name>', 'in which namespace; lists are then of it alone'),
    new Option('-A, --all-namespaces', 'in all namespaces'),
    new Option('--as <user>', 'as this user'),
    new Option('--as-group <group>', 'and as a member of this group; may be given several times').argParser(
      (group, before: readonly string[] | undefined) => [...(before ?? []), group],
    ),
    new Option('--request-timeout <time>', 'for one request, such as 5s or 1m; 0 is no limit').default('30s'),
    new Option('--timeout <time>', 'how long to wait for an address, a release or a renewal').default('30s'),
    new Option('--dry-run', 'let the cluster check what would be done, and do nothing'),
  ],
  open: async (options, tell) => {
    const { openCluster } = await import('./open.ts');
    return await openCluster(options, tell);
  },
};
