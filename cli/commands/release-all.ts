import type { Command } from 'commander';
import type { Address, Backend, ListQuery, ReleaseOptions, Releases } from '../backend.ts';
import { type Cli, withBackend } from '../cli.ts';
import { UserError } from '../errors.ts';
import { watchInterruption } from '../interruption.ts';
import { notifyRefusals } from '../notify-refusals.ts';
import { addressReport } from '../output/address-list.ts';
import { printReport } from '../output/format.ts';
import { grouped, progressLine } from '../output/progress.ts';
import { requirePools } from '../require-known.ts';
import { leftLines, releasePlan } from './release-plan.ts';
import { isDryRun } from './shared-flags.ts';

type Options = Pick<ReleaseOptions, 'force' | 'reason'> & { readonly yes: boolean };

/** Addresses released per call: few enough for a transaction that locks them, and for claims that are waited for. */
const BATCH = { ledger: 500, cluster: 20 } as const;

/** Releases all addresses that fit a query, after the user has seen how many they are and has agreed. */
export async function releaseAll(query: ListQuery, options: Options, command: Command, cli: Cli): Promise<void> {
  const { terminal } = cli;
  const dryRun = isDryRun(command);
  await withBackend(command, cli, async (backend) => {
    await requirePools(backend, query.pools ?? []);
    const plan = await backend.releasable(query);
    const { addresses } = plan;
    for (const line of addresses.length > 0 ? releasePlan(plan) : leftLines(plan.left)) terminal.notify(line);
    if (!dryRun && !options.yes && addresses.length > 0) await requireYes(addresses.length, cli);
    const done = await releaseInBatches(addresses, options, backend, cli);
    await report(done, addresses.length, command, cli);
  });
}

async function requireYes(count: number, { terminal }: Cli): Promise<void> {
  const answer = await terminal.confirm(`Release ${grouped(count)} address(es)?`);
  if (answer === undefined) {
    throw new UserError(
      'There is no terminal at which somebody could agree, so nothing was released.',
      'Look with --dry-run, then add --yes.',
      'usage',
    );
  }
  if (!answer) throw new UserError('Nothing was released, because you did not agree.', '');
}

interface Done extends Pick<Releases, 'released' | 'kept'> {
  readonly interrupted: boolean;
}

/** Releases addresses group by group. An interruption ends it after the group that is at work. */
async function releaseInBatches(
  addresses: readonly Address[],
  options: Options,
  backend: Backend,
  { mode, terminal }: Cli,
): Promise<Done> {
  const size = BATCH[mode.kind];
  const released: Address[] = [];
  const kept: Releases['kept'][number][] = [];
  const interruption = watchInterruption(process);
  const startedAt = Date.now();
  try {
    for (let from = 0; from < addresses.length; from += size) {
      if (interruption.signal.aborted) return { released, kept, interrupted: true };
      const result = await backend.releaseEach(addresses.slice(from, from + size), options);
      released.push(...result.released);
      kept.push(...result.kept);
      const done = Math.min(from + size, addresses.length);
      terminal.progress(progressLine('Released', done, addresses.length, Date.now() - startedAt, 'addresses'));
    }
  } finally {
    interruption.stop();
    terminal.progress('');
  }
  return { released, kept, interrupted: false };
}

/** Prints what was released to stdout, and each refusal to stderr. Fails with the last refusal. */
async function report({ released, kept, interrupted }: Done, wanted: number, command: Command, { terminal }: Cli) {
  const verb = isDryRun(command) ? 'Would release' : 'Released';
  await printReport(terminal, command, {
    ...addressReport({ items: released }),
    lines: (format) => [
      ...(format === 'wide' ? released.map(({ mac }) => mac) : []),
      wanted === 0 ? 'No active allocations found' : `${verb} ${String(released.length)} MAC address(es)`,
    ],
  });
  const [first, ...others] = kept;
  notifyRefusals(
    others.map(({ refusal }) => refusal),
    terminal,
  );
  if (kept.length > 1) terminal.notify(`${grouped(kept.length)} of ${grouped(wanted)} were not released.`);
  if (interrupted) throw new UserError('Interrupted, so the rest is still held.', 'Repeat the command to go on.');
  if (first !== undefined) throw UserError.from(first.refusal);
}
