import { execFile, type ExecFileOptions } from 'node:child_process';
import { rmSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { bundleCommandLine, COMMAND_LINES } from '../../hack/bundle.ts';

/** Inside the repository, so that the program finds the Postgres package in node_modules. */
const BUNDLE = path.join(
  import.meta.dirname,
  '..',
  '..',
  'node_modules',
  '.cache',
  `rock-mac-cli-${String(process.pid)}`,
);
let bundled: Promise<void> | undefined;

/** Bundles the program once per test file, because it starts four times faster than from the sources. */
async function bundle(): Promise<void> {
  process.once('exit', () => {
    rmSync(BUNDLE, { recursive: true, force: true });
  });
  await bundleCommandLine(BUNDLE);
}

/** The result of a command. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A shell with `rock-mac` on its PATH and its own home directory. */
export interface RockMacShell {
  readonly home: string;
  /** Runs `rock-mac` with these arguments. */
  readonly rockMac: (...args: readonly string[]) => Promise<Ended>;
  /** Runs a bash script. */
  readonly bash: (script: string) => Promise<Ended>;
  close(): Promise<void>;
}

export interface ShellOptions {
  /** The folder with the program. Default: a bundle of the sources. */
  readonly bin?: string;
  /** The user that runs the commands. Default: the current user. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** Opens a shell. `env` overrides its default environment. */
export async function openShell(
  env: Readonly<Record<string, string>> = {},
  options: ShellOptions = {},
): Promise<RockMacShell> {
  const home = await mkdtemp(path.join(tmpdir(), 'rock-mac-home-'));
  await chmod(home, 0o755); // for root, Postgres runs as another user that must enter it
  const { user } = options;
  if (user !== undefined) await chown(home, user.uid, user.gid);
  const bin = options.bin ?? path.join(home, 'bin');
  if (options.bin === undefined) await writeBin(bin);
  const environment = {
    HOME: home,
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    TZ: 'UTC',
    LANG: 'C.UTF-8',
    ...env,
  };
  const run = (command: string, args: readonly string[]) =>
    runToEnd(command, args, { env: environment, cwd: home, ...user });
  return {
    home,
    rockMac: (...args) => run(path.join(bin, 'rock-mac'), args),
    bash: (script) => run('bash', ['-c', script]),
    close: () => rm(home, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** Opens a shell for all tests of a file. Its commands use a ledger, which is there by then. */
export function shellOfThisFile(ledger: {
  readonly current: { readonly url: string };
}): Pick<RockMacShell, 'home' | 'rockMac' | 'bash'> {
  let opened: RockMacShell | undefined;
  beforeAll(async () => {
    opened = await openShell({ ROCK_MAC_LEDGER_URL: ledger.current.url });
  });
  afterAll(async () => {
    await opened?.close();
  });
  const shell = () => {
    if (opened === undefined) throw new Error('there is no shell outside tests');
    return opened;
  };
  return {
    get home() {
      return shell().home;
    },
    rockMac: (...args) => shell().rockMac(...args),
    bash: (script) => shell().bash(script),
  };
}

/** Creates a folder with the program under all its names. */
export async function writeBin(folder: string): Promise<void> {
  await (bundled ??= bundle());
  await mkdir(folder);
  for (const name of COMMAND_LINES) {
    const script = `#!/bin/sh\nexec "${process.execPath}" "${path.join(BUNDLE, name)}.js" "$@"\n`;
    await writeFile(path.join(folder, name), script, { mode: 0o755 });
  }
}

function runToEnd(command: string, args: readonly string[], options: ExecFileOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { ...options, encoding: 'utf8' }, (error, stdout, stderr) => {
      const code = child.exitCode;
      if (code === null) reject(error ?? new Error(`${command} was killed`));
      else resolve({ code, stdout, stderr });
    });
  });
}
