import type { Command } from 'commander';
import type { Address, ReleaseOptions } from '../backend.ts';
import { type Cli, withBackend } from '../cli.ts';
import { refusalText, UserError } from '../errors.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { parseTarget } from '../target.ts';
import { addDryRun, addExamples, addReason, isDryRun, OBJECT_NAMES } from './shared-flags.ts';

function stays({ mac, owner }: Address): string {
  return `${mac} is not sticky any more. It stays with ${userOf(owner)}, which uses it, and is released when that ends.`;
}

function wouldStay({ mac, owner }: Address): string {
  return `${mac} would not be sticky any more. If ${userOf(owner)} uses it, it stays with that until it ends, and else it is released.`;
}

function userOf(owner: Address['owner']): string {
  return owner === undefined ? 'the object' : `${owner.kind.toLowerCase()} ${owner.namespace}/${owner.name}`;
}

/** `release`: releases an address, or all addresses of a device. */
export function addRelease(program: Command, cli: Cli): void {
  const command = program
    .command('release')
    .summary('release an address, or all addresses of a device')
    .description(
      'Releases an address, or all addresses of a device. An argument with a colon is an address, anything else a ' +
        'device. The command also succeeds if nothing is held. It never releases the address of an object in a cluster: ' +
        'delete the object, or retire its cluster.',
    )
    .argument('<mac|device>', OBJECT_NAMES)
    .option(
      '-f, --force',
      'also release reserved and orphaned addresses, and those of claims whose pod was deleted by force and may still run',
      false,
    )
    .addOption(outputOption())
    .action(async (text: string, options: ReleaseOptions, command: Command) => {
      const target = parseTarget(text);
      const { released, left, kept } = await withBackend(command, cli, (backend) => backend.release(target, options));
      const nothing = `No active allocations found for: ${text}`;
      const done = `${isDryRun(command) ? 'Would release' : 'Released'} ${String(released.length)} MAC address(es)`;
      const changed = [...released, ...left];
      if (changed.length > 0 || kept.length === 0) {
        const stay = left.map((address) => (isDryRun(command) ? wouldStay(address) : stays(address)));
        await printReport(cli.terminal, command, {
          lines: () => [...(released.length > 0 ? [done] : []), ...stay, ...(changed.length === 0 ? [nothing] : [])],
          kind: 'AddressList',
          value: { items: changed },
          names: () => changed.map(({ mac }) => mac),
        });
      }
      const [first, ...others] = kept;
      for (const { refusal } of others) cli.terminal.notify(`Error: ${refusalText(refusal)}`);
      if (first !== undefined) throw UserError.from(first.refusal);
    });
  addReason(command, cli.mode);
  addDryRun(command, cli.mode);
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} release a4:58:0f:01:00:00`,
    `${name} release my-vm`,
    `${name} release --force a4:58:0f:ff:00:00   # a reserved address`,
  );
}
