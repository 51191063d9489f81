import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { formatPlain } from '../output/table.ts';
import { formatMinutes } from '../output/time.ts';
import { addExamples, addReason } from './shared-flags.ts';

const HEADERS = ['Cluster', 'Pod', 'Holder', 'Pool', 'Addresses', 'Since', 'Last Seen'];
const WIDE_HEADERS = [...HEADERS, 'Cluster ID', 'Pod UID'];

interface ReturnOptions {
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly reason?: string;
}

/** `stock list|return`: shows the stocks of webhooks, and returns the one of a process that is gone. */
export function addStock(program: Command, { terminal }: Cli): void {
  const group = program
    .command('stock')
    .helpCommand(false)
    .summary('list the stocks of webhooks, or return one whose process is gone')
    .description(
      'Lists the addresses that are set aside for processes of webhooks, which give them to new pods without asking the ' +
        'ledger. Returns those of a process that is gone.',
    );
  const list = group
    .command('list')
    .description('Shows which process of a webhook has how many addresses in stock, and when it last reported.')
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { withLedger } = await import('../ledger-mode/open.ts');
      const { listStocks } = await import('../ledger-mode/stock.ts');
      const stocks = await withLedger(command.optsWithGlobals(), listStocks);
      await printReport(terminal, command, {
        lines: (format) => {
          if (stocks.length === 0) return ['No webhook has a stock'];
          const rows = stocks.map(({ cluster, pod, holder, pool, addresses, startedAt, seenAt, clusterId, podUid }) => {
            const cells = [
              cluster,
              pod,
              holder,
              pool,
              String(addresses),
              formatMinutes(startedAt),
              formatMinutes(seenAt),
            ];
            return format === 'wide' ? [...cells, clusterId, podUid] : cells;
          });
          return formatPlain(format === 'wide' ? WIDE_HEADERS : HEADERS, rows);
        },
        kind: 'StockList',
        value: { items: stocks },
        names: () => [...new Set(stocks.map(({ holder }) => holder))],
      });
    });
  addExamples(list, 'rock-mac stock list');
  const returning = group
    .command('return')
    .description(
      'Returns all addresses in stock of a process of a webhook that is gone. The operator does that by itself, so it is ' +
        'needed only where no operator runs any more. Others get the addresses after the reuse delay of their pool. ' +
        'First make sure that the process has ended: while it runs, it may give its stock to pods without asking the ledger. ' +
        'Then make sure that no pod uses an address of it: unlike the operator, this command cannot check that.',
    )
    .argument('<holder>', 'id of the process, or name of its pod')
    .option('-f, --force', 'also if the process reported within the last minute', false)
    .option('--dry-run', 'show how many would be returned without returning them', false)
    .action(async (text: string, options: ReturnOptions, command: Command) => {
      const { withLedger } = await import('../ledger-mode/open.ts');
      const { returnByName } = await import('../ledger-mode/stock.ts');
      terminal.print(await withLedger(command.optsWithGlobals(), (ledger) => returnByName(ledger, text, options)));
    });
  addReason(returning);
  addExamples(
    returning,
    'rock-mac stock return 6f1c1bd6-9b52-4c0e-8a53-0f3f6f2f1f64 --dry-run',
    'rock-mac stock return 6f1c1bd6-9b52-4c0e-8a53-0f3f6f2f1f64',
  );
}
