import { Option } from 'commander';
import type { Mode } from '../cli.ts';

/** `rock-mac`: on a ledger directly. */
export const ledgerMode: Mode = {
  kind: 'ledger',
  program: 'rock-mac',
  description: 'Hands out MAC addresses from one ledger, so that no two devices ever get the same one.',
  globalOptions: () => [
    new Option('--ledger <url>', 'Postgres URL of the ledger').env('ROCK_MAC_LEDGER_URL'),
    new Option('--config <file>', 'configuration file (default: ~/.rock/mac-dispenser.yaml)'),
  ],
  open: async (options) => {
    const { openBackend } = await import('./open.ts');
    return openBackend(options);
  },
};
