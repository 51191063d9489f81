import { Option } from 'commander';
import type { Mode } from '../cli.ts';
import { parseFileName } from '../commands/parse-values.ts';

/** `kubectl rock-mac`: works through the Kubernetes API, with the permissions of the user's kubeconfig. */
export const clusterMode: Mode = {
  kind: 'cluster',
  program: 'kubectl rock-mac',
  description:
    'Allocates MAC addresses through the Kubernetes API. No two devices ever get the same address. ' +
    'Write flags after the name of the plugin.',
  globalOptions: () => [
    new Option('--kubeconfig <file>', 'kubeconfig file').argParser(parseFileName),
    new Option('--context <name>', 'context of the kubeconfig'),
    new Option('-n, --namespace <name>', 'namespace (default: that of the context)'),
    new Option('-A, --all-namespaces', 'all namespaces; list then shows the whole ledger'),
    new Option('--as <user>', 'impersonate this user'),
    new Option('--as-group <group>', 'impersonate this group; repeatable').argParser(
      (group, before: readonly string[] | undefined) => [...(before ?? []), group],
    ),
    new Option('--request-timeout <time>', 'time limit of one request, such as 5s or 1m; 0 means no limit').default(
      '30s',
    ),
    new Option('--timeout <time>', 'time to wait for an address, a release or a renewal').default('30s'),
    new Option('--dry-run', 'let the cluster validate the change without making it'),
  ],
  open: async (options, notify) => {
    const { openCluster } = await import('./open.ts');
    return await openCluster(options, notify);
  },
  diagnose: async (options, notify) => {
    const { diagnose } = await import('./open.ts');
    return await diagnose(options, notify);
  },
  versions: async (options) => {
    const { versions } = await import('./open.ts');
    return await versions(options);
  },
  collectReport: async (options, what, notify) => {
    const { collectReport } = await import('./open.ts');
    return await collectReport(options, what, notify);
  },
  openConsole: async (options, notify) => {
    const { openConsole } = await import('./open.ts');
    return await openConsole(options, notify);
  },
};
