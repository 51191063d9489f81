import type { Command } from 'commander';
import { type Cli, valueOf, withBackend } from '../cli.ts';
import { UserError } from '../errors.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { parseTarget } from '../target.ts';
import { parseSet } from './parse-set.ts';
import { addDryRun, addExamples, addReason, OBJECT_NAMES } from './shared-flags.ts';

/** `set`: changes what is said about a device. */
export function addSet(program: Command, cli: Cli): void {
  const command = program
    .command('set')
    .summary('change the metadata or the type of a device')
    .description(
      'Changes the metadata of an address, or of all addresses of a device: key=value sets a key to a text, and key- removes it. ' +
        'type=TYPE changes the type of the device. The audit keeps what it was before. All addresses change, or none.',
    )
    .argument('<mac|device>', OBJECT_NAMES)
    .argument('<changes...>', 'key=value or key-, as in `kubectl label`')
    .addOption(outputOption())
    .action(
      async (text: string, texts: readonly string[], { reason }: { readonly reason?: string }, command: Command) => {
        const target = parseTarget(text);
        const request = { ...parseSet(texts), reason };
        const result = await withBackend(command, cli, (backend) => backend.set(target, request));
        const addresses = valueOf(result, cli.terminal);
        if (addresses === undefined) return;
        if (addresses.length === 0) {
          throw new UserError(
            `Nobody holds ${text}, so there is nothing to change.`,
            `Run \`${cli.mode.program} show ${text}\` to see what is known about it.`,
            'notFound',
          );
        }
        await printReport(cli.terminal, command, {
          lines: () => addresses.map(({ mac }) => `Changed MAC: ${mac}`),
          kind: 'AddressList',
          value: { items: addresses },
          names: () => addresses.map(({ mac }) => mac),
        });
      },
    );
  addReason(command);
  addDryRun(command, cli.mode);
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} set my-vm rack=a7 owner-`,
    `${name} set a4:58:0f:01:00:00 type=switch hostname=leaf-7 --reason "moved to rack 7"`,
  );
}
