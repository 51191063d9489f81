import { Buffer } from 'node:buffer';
import type { Command } from 'commander';
import { MAX_MAP_COUNT } from '../../api/state-map.ts';
import { macToNumber, parseMac } from '../../mac/mac-address.ts';
import type { Backend } from '../backend.ts';
import { type Cli, withBackend } from '../cli.ts';
import { unknownPool, UserError } from '../errors.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { mapLines } from '../output/state-map.ts';
import { parseMapCount } from './parse-values.ts';
import { addExamples } from './shared-flags.ts';

/** `map`: draws the states of the addresses of a pool. */
export function addMap(program: Command, cli: Cli): void {
  const command = program
    .command('map')
    .summary('draw the addresses of a pool, one character each')
    .description(
      'Draws the states of consecutive addresses, 64 in a row. Rows without a used address are left out. The JSON output has one ' +
        'byte for each address, in base64.',
    )
    .argument('<pool|mac>', 'pool, or first address to draw')
    .option('--count <count>', 'number of addresses, at most 65,536', parseMapCount, MAX_MAP_COUNT)
    .addOption(outputOption())
    .action(async (text: string, { count: most }: { readonly count: number }, command: Command) => {
      const { first, states } = await withBackend(command, cli, async (backend) => {
        const { first, count } = await rangeOf(backend, text, most);
        return { first, states: await backend.map(first, count) };
      });
      await printReport(cli.terminal, command, {
        lines: () => mapLines(first, states),
        kind: 'StateMap',
        value: { first, count: states.length, states: Buffer.from(states).toString('base64') },
        names: () => [first],
      });
    });
  const { program: name } = cli.mode;
  addExamples(command, `${name} map docker`, `${name} map a4:58:0f:05:01:00 --count 256`);
}

async function rangeOf(backend: Backend, text: string, most: number) {
  const parsed = parseMac(text);
  if (parsed.ok) return { first: parsed.mac, count: most };
  const pools = await backend.pools();
  const pool = pools.find(({ name }) => name === text);
  if (pool === undefined) {
    throw UserError.from(
      unknownPool(
        text,
        pools.map(({ name }) => name),
      ),
    );
  }
  const { first, last } = pool;
  return { first, count: Math.min(most, macToNumber(last) - macToNumber(first) + 1) };
}
