import { Argument, type Command } from 'commander';
import type { Cli } from '../cli.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { formatPlain } from '../output/table.ts';
import { formatMinutes } from '../output/time.ts';
import { addExamples, addReason } from './shared-flags.ts';

const HEADERS = [
  'Name',
  'Cluster ID',
  'Registered',
  'Adopted',
  'Last Resync',
  'Retired',
  'Shared',
  'Addresses',
  'Orphaned',
];

interface Options {
  readonly reason?: string;
}

/**
 * `cluster list|retire|bind|continue`: shows the clusters of the ledger, retires one, gives one a database login, and decides
 * which of two control planes is one.
 */
export function addCluster(program: Command, { terminal }: Cli): void {
  const group = program
    .command('cluster')
    .helpCommand(false)
    .summary('list or retire the clusters of the ledger, bind their logins, and decide about copies')
    .description(
      'Lists or retires the clusters that allocate addresses from this ledger, and binds database logins to them. ' +
        'Decides which control plane continues a cluster whose etcd was copied.',
    );
  const list = group
    .command('list')
    .description('Shows the clusters that allocate addresses from this ledger, including retired ones.')
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { withLedger } = await import('../ledger-mode/open.ts');
      const { clusterViews } = await import('../../ledger/view/cluster-view.ts');
      const clusters = await withLedger(command.optsWithGlobals(), clusterViews);
      const time = (date: Date | undefined) => (date === undefined ? '' : formatMinutes(date));
      await printReport(terminal, command, {
        lines: () => {
          if (clusters.length === 0) return ['No cluster has registered'];
          const rows = clusters.map(
            ({ name, clusterId, registeredAt, adoptedAt, lastResyncAt, retiredAt, sharedSince, ...counts }) => {
              const times = [registeredAt, adoptedAt, lastResyncAt, retiredAt, sharedSince].map(time);
              return [name, clusterId, ...times, String(counts.addresses), String(counts.orphaned)];
            },
          );
          return formatPlain(HEADERS, rows);
        },
        kind: 'ClusterList',
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
    .action(async (text: string, { reason }: Options, command: Command) => {
      const { withLedger } = await import('../ledger-mode/open.ts');
      const { retireByName } = await import('../ledger-mode/clusters.ts');
      terminal.print(await withLedger(command.optsWithGlobals(), (ledger) => retireByName(ledger, text, reason)));
    });
  addReason(retire);
  addExamples(retire, 'rock-mac cluster retire staging');
  const bind = group
    .command('bind')
    .description(
      'Gives a database login a cluster: a second login of the cluster, or its first one if it registered with the login ' +
        'of the owner. The login may then change the addresses of that cluster. A new cluster binds its login itself.',
    )
    .argument('<login>', 'name of the database login, a member of rock_mac_app')
    .argument('<cluster>', 'id or name of the cluster')
    .action(async (login: string, text: string, { reason }: Options, command: Command) => {
      const { withLedger } = await import('../ledger-mode/open.ts');
      const { bindByName } = await import('../ledger-mode/clusters.ts');
      terminal.print(await withLedger(command.optsWithGlobals(), (ledger) => bindByName(ledger, login, text, reason)));
    });
  addReason(bind);
  addExamples(bind, 'rock-mac cluster bind rock_mac_staging staging');
  const decide = group
    .command('continue')
    .description(
      'Decides which of two control planes continues a cluster, after its etcd was copied: the one that the ledger knows, or ' +
        'the newcomer, which the condition ClusterIdentityShared names. The other one must be gone, or have an identity of ' +
        'its own (chart value clusterId). A newcomer does its initial sync first.',
    )
    .argument('<cluster>', 'id or name of the cluster')
    .addArgument(new Argument('<which>', 'the control plane that goes on').choices(['known', 'newcomer']))
    .action(async (text: string, which: 'known' | 'newcomer', { reason }: Options, command: Command) => {
      const { withLedger } = await import('../ledger-mode/open.ts');
      const { continueByName } = await import('../ledger-mode/clusters.ts');
      terminal.print(
        await withLedger(command.optsWithGlobals(), (ledger) => continueByName(ledger, text, which, reason)),
      );
    });
  addReason(decide);
  addExamples(decide, 'rock-mac cluster continue staging known', 'rock-mac cluster continue staging newcomer');
}
