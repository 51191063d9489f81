import { Option } from 'commander';
import type { Mode } from '../cli.ts';
import { parseFileName } from '../commands/parse-values.ts';

/** `rock-mac`: works directly on a ledger. */
export const ledgerMode: Mode = {
  kind: 'ledger',
  program: 'rock-mac',
  description: 'Allocates MAC addresses from one ledger. No two devices ever get the same address.',
  globalOptions: () => [
    new Option('--ledger <url>', 'Postgres URL of the ledger').env('ROCK_MAC_LEDGER_URL'),
    new Option('--config <file>', 'configuration file (default: ~/.rock/mac-dispenser.yaml)').argParser(parseFileName),
  ],
  open: async (options) => {
    const { openBackend } = await import('./open.ts');
    return openBackend(options);
  },
  diagnose: async (options) => {
    const { diagnoseLedger } = await import('./doctor.ts');
    return await diagnoseLedger(options);
  },
  versions: async (options) => {
    const { ledgerVersions } = await import('./versions.ts');
    return await ledgerVersions(options);
  },
  collectReport: async (options, what) => {
    const { collectFromLedger } = await import('./report.ts');
    return await collectFromLedger(options, what);
  },
  openConsole: async (options) => {
    const { openConsole } = await import('./open.ts');
    return await openConsole(options);
  },
};
