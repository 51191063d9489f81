import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { outputOption, printReport } from '../output/format.ts';
import { formatPlain } from '../output/table.ts';
import { formatMinutes } from '../output/time.ts';
import { addExamples } from './examples.ts';

const HEADS = ['Name', 'Cluster ID', 'Registered', 'Adopted', 'Last Pass', 'Retired'];

/** `cluster list|retire`: the clusters that take addresses from the ledger, and the end of one. */
export function addCluster(program: Command, { terminal }: Cli): void {
  const group = program
    .command('cluster')
    .helpCommand(false)
    .summary('see and retire the clusters of the ledger')
    .description('The clusters that take addresses from this ledger.');
  const list = group
    .command('list')
    .description('Shows the clusters that take addresses from this ledger, also retired ones.')
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { withLedger } = await import('../ledger-mode/open.ts');
      const { listClusters } = await import('../../ledger/state/clusters.ts');
      const clusters = await withLedger(command.optsWithGlobals(), listClusters);
      const time = (date: Date | undefined) => (date === undefined ? '' : formatMinutes(date));
      await printReport(terminal, command, {
        lines: () => {
          if (clusters.length === 0) return ['No cluster has registered'];
          const rows = clusters.map(({ name, clusterId, registeredAt, adoptedAt, lastResyncAt, retiredAt }) => [
            ...[name, clusterId, time(registeredAt), time(adoptedAt), time(lastResyncAt), time(retiredAt)],
          ]);
          return formatPlain(HEADS, rows);
        },
        value: { items: clusters },
        names: () => clusters.map(({ clusterId }) => clusterId),
      });
    });
  addExamples(list, 'rock-mac cluster list');
  const retire = group
    .command('retire')
    .description(
      'Ends a cluster that is gone for good. It can never allocate again, and what it still holds becomes orphaned: ' +
        'shown, and freed by `release --force` only.',
    )
    .argument('<cluster>', 'its id or name')
    .action(async (text: string, _options: unknown, command: Command) => {
      const { withLedger } = await import('../ledger-mode/open.ts');
      const { retireByName } = await import('../ledger-mode/clusters.ts');
      terminal.print(await withLedger(command.optsWithGlobals(), (ledger) => retireByName(ledger, text)));
    });
  addExamples(retire, 'rock-mac cluster retire staging');
}
