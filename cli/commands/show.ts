import type { Command } from 'commander';
import { assignmentOf } from '../assignment.ts';
import { type Cli, withBackend } from '../cli.ts';
import { addressDetails } from '../output/address-details.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { parseTarget } from '../target.ts';
import { addExamples, OBJECT_NAMES } from './shared-flags.ts';

/** Audit entries shown per address; `audit` shows more. */
const HISTORY_LENGTH = 20;

/** `show`: shows everything about an address, or about the addresses of a device. */
export function addShow(program: Command, cli: Cli): void {
  const command = program
    .command('show')
    .alias('whois')
    .summary('show an address, or all addresses of a device, with details')
    .description(
      'Shows an address, or all addresses of a device: the holder, since when, what happens next, and the history.',
    )
    .argument('<mac|device>', OBJECT_NAMES)
    .addOption(outputOption({ terraform: true }))
    .action(async (text: string, _options: unknown, command: Command) => {
      const target = parseTarget(text);
      const found = await withBackend(command, cli, async (backend) => {
        const { addresses, fromLedger } = await backend.find(target);
        const withHistory = [];
        for (const address of addresses) {
          const target = { kind: 'mac', text: address.mac, mac: address.mac } as const;
          const { lines: history, isCut } = fromLedger
            ? await backend.audit({ target, limit: HISTORY_LENGTH })
            : { lines: [], isCut: false };
          withHistory.push({ address, assignment: await assignmentOf(address.mac), history, isCut });
        }
        return withHistory;
      });
      const now = new Date();
      await printReport(cli.terminal, command, {
        lines: () => {
          if (found.length === 0) return [`MAC address not found: ${text}`];
          return found.flatMap(({ address, assignment, history }, index) => [
            ...(index === 0 ? [] : ['']),
            ...addressDetails(address, { assignment, history, now }),
          ]);
        },
        kind: 'AddressList',
        value: { items: found.map(({ address, assignment, history }) => ({ ...address, ...assignment, history })) },
        names: () => found.map(({ address }) => address.mac),
      });
      for (const { address } of found.filter(({ isCut }) => isCut)) {
        cli.terminal.notify(
          `Only the newest ${String(HISTORY_LENGTH)} changes of ${address.mac} are shown: see \`${cli.mode.program} audit ${address.mac}\`.`,
        );
      }
    });
  const { program: name } = cli.mode;
  addExamples(command, `${name} show a4:58:0f:01:00:00`, `${name} show A458.0F01.0000`, `${name} show my-vm -o yaml`);
}
