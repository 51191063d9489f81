#!/usr/bin/env node
import { CommanderError } from 'commander';
import { LedgerError } from '../ledger/errors.ts';
import { createProgram } from './commands.ts';
import { UserError } from './user-error.ts';

try {
  await createProgram((line) => {
    process.stdout.write(`${line}\n`);
  })
    .exitOverride()
    .parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
  } else {
    const known = error instanceof UserError || error instanceof LedgerError;
    process.stderr.write(`Error: ${known ? error.message : String(error instanceof Error ? error.stack : error)}\n`);
    process.exitCode = 1;
  }
}
