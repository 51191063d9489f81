import type { Command } from 'commander';
import { withBackend, type Cli } from '../cli.ts';
import { addressDetails } from '../output/address-details.ts';
import { outputOption, printReport } from '../output/format.ts';
import { parseTarget } from '../target.ts';
import { addExamples } from './examples.ts';

const HISTORY_LINES = 20;

/** `show`: all that is known of an address, or of those of a device. */
export function addShow(program: Command, cli: Cli): void {
  const command = program
    .command('show')
    .summary('show what is known of an address, or of those of a device')
    .description('Shows an address, or all of a device: who holds it, since when, what happens next, and its history.')
    .argument('<mac|device>')
    .addOption(outputOption())
    .action(async (text: string, _options: unknown, command: Command) => {
      const target = parseTarget(text);
      const found = await withBackend(command, cli, async (backend) => {
        const shown = [];
        for (const address of await backend.find(target)) {
          const of = { kind: 'mac', text: address.mac, mac: address.mac } as const;
          shown.push({ address, history: await backend.audit({ target: of, limit: HISTORY_LINES }) });
        }
        return shown;
      });
      const now = new Date();
      await printReport(cli.terminal, command, {
        lines: () => {
          if (found.length === 0) return [`MAC address not found: ${text}`];
          return found.flatMap(({ address, history }, index) => [
            ...(index === 0 ? [] : ['']),
            ...addressDetails(address, history, now),
          ]);
        },
        value: { items: found.map(({ address, history }) => ({ ...address, history })) },
        names: () => found.map(({ address }) => address.mac),
      });
    });
  const { program: name } = cli.mode;
  addExamples(command, `${name} show a4:58:0f:01:00:00`, `${name} show A458.0F01.0000`, `${name} show my-vm -o yaml`);
}
