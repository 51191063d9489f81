import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { outputOption, printReport } from '../output/format.ts';
import { formatPlain } from '../output/table.ts';
import { formatMinutes } from '../output/time.ts';
import { addExamples } from './shared-flags.ts';

const HEADERS = ['Name', 'Cluster ID', 'Registered', 'Adopted', 'Last Resync', 'Retired'];

/** `cluster list|retire`: shows the clusters of the ledger, and retires one. */
export function addCluster(program: Command, { terminal }: Cli): void {
  const group = program
    .command('cluster')
    .helpCommand(false)
    .summary('list or retire the clusters of the ledger')
    .description('Lists or retires the clusters that allocate addresses from this ledger.');
  const list = group
    .command('list')
    .description('Shows the clusters that allocate addresses from this ledger, including retired ones.')
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { withLedger } = await import('../ledger-mode/open.ts');
      const { listClusters } = await import('../../ledger/state/clusters.ts');
      const clusters = await withLedger(command.optsWithGlobals(), listClusters);
      const time = (date: Date | undefined) => (date === undefined ? '' : formatMinutes(date));
      await printReport(terminal, command, {
        lines: () => {
          if (clusters.length === 0) return ['No cluster has registered'];
          const rows = clusters.map(({ name, clusterId, registeredAt, adoptedAt, lastResyncAt, retiredAt }) => {
            return [name, clusterId, time(registeredAt), time(adoptedAt), time(lastResyncAt), time(retiredAt)];
          });
          return formatPlain(HEADERS, rows);
        },
        value: { items: clusters },
        names: () => clusters.map(({ clusterId }) => clusterId),
      });
    });
  addExamples(list, 'rock-mac cluster list');
  const retire = group
    .command('retire')
    .description(
      'Retires a cluster that no longer exists. It can never allocate again. The addresses that it holds become orphaned: ' +
        'only `release --force` releases them.',
    )
    .argument('<cluster>', 'id or name of the cluster')
    .action(async (text: string, _options: unknown, command: Command) => {
      const { withLedger } = await import('../ledger-mode/open.ts');
      const { retireByName } = await import('../ledger-mode/clusters.ts');
      terminal.print(await withLedger(command.optsWithGlobals(), (ledger) => retireByName(ledger, text)));
    });
  addExamples(retire, 'rock-mac cluster retire staging');
}
