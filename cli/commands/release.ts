import type { Command } from 'commander';
import { withBackend, type Cli } from '../cli.ts';
import { outputOption, printReport } from '../output/format.ts';
import { parseTarget } from '../target.ts';
import { addDryRun, isDryRun } from './dry-run.ts';
import { addExamples } from './examples.ts';

/** `release`: an address, or all of a device, goes back to its pool. */
export function addRelease(program: Command, cli: Cli): void {
  const command = program
    .command('release')
    .summary('give an address back, or all addresses of a device')
    .description(
      'Gives back an address, or all addresses of a device. An argument with a colon is an address, everything else a ' +
        'device. Nothing held is no error. What an object of a cluster holds is never released from outside: delete the ' +
        'object, or retire its cluster.',
    )
    .argument('<mac|device>')
    .option('-f, --force', 'also what is reserved or orphaned', false)
    .addOption(outputOption())
    .action(async (text: string, { force }: { readonly force: boolean }, command: Command) => {
      const target = parseTarget(text);
      const { released, kept } = await withBackend(command, cli, (backend) => backend.release(target, { force }));
      const nothing = `No active allocations found for: ${text}`;
      const done = `${isDryRun(command) ? 'Would release' : 'Released'} ${String(released.length)} MAC address(es)`;
      if (released.length > 0 || kept.length === 0) {
        await printReport(cli.terminal, command, {
          lines: () => [released.length > 0 ? done : nothing],
          value: { items: released },
          names: () => released.map(({ mac }) => mac),
        });
      }
      const [first, ...others] = kept;
      for (const { why } of others) cli.terminal.tell(`Error: ${why.message}`);
      if (first !== undefined) throw first.why;
    });
  addDryRun(command, cli.mode);
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} release a4:58:0f:01:00:00`,
    `${name} release my-vm`,
    `${name} release --force a4:58:0f:ff:00:00   # a reserved one`,
  );
}
