import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installPacked, type Packed } from './packed.ts';
import { openShell, type ShellOptions } from './rock-mac-shell.ts';

/* The packed tarball, as a user installs it. plugin.test.ts tests the plugin of the same tarball in a cluster. */

const REPOSITORY = path.join(import.meta.dirname, '..', '..');
/** A quarter of it are the names in IEEE's registry. The pages of the manual and the formats of other programs are a twentieth. */
const TARBALL_OCTETS = 8_500_000;
const run = promisify(execFile);

let packed: Packed;

beforeAll(async () => {
  packed = await installPacked();
});

afterAll(async () => {
  await packed.remove();
});

test('the tarball contains only bundles, not the sources or the cluster programs', () => {
  expect(packed.octets).toBeLessThan(TARBALL_OCTETS);
});

test('the tarball contains the licences of the bundled packages and no others', async () => {
  const build = path.join(packed.bin, '..', 'lib', 'node_modules', 'rock-mac', 'build');
  const licences = await readFile(path.join(build, 'THIRD-PARTY-LICENSES.txt'), 'utf8');
  for (const name of ['commander', 'pg', 'zod', 'undici'])
    expect(licences).toMatch(new RegExp(`^${name} [0-9.]+ \\(MIT\\)$`, 'm'));
  expect((await readdir(build)).filter((file) => file.includes('LEGAL'))).toEqual([]);
});

const nobody = { uid: 65_534, gid: 65_534 };

/** Root tests both, because Postgres then runs as another user. An ordinary user can only test itself. */
const USERS: readonly (readonly [string, ShellOptions])[] =
  process.getuid?.() === 0
    ? [
        ['root', {}],
        ['an ordinary user', { user: nobody }],
      ]
    : [['an ordinary user', {}]];

test.each(USERS)('install, init, allocate, list, release: as %s', async (_, options) => {
  const shell = await openShell({ PATH: packed.path }, { ...options, bin: packed.bin });
  try {
    const { code, stdout, stderr } = await shell.bash(`
      set -e
      rock-mac --version
      rock-mac init 2>/dev/null
      rock-mac allocate -d my-vm
      rock-mac list
      rock-mac release my-vm
      rock-mac check
      rock-mac ledger stop`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^\d+\.\d+\.\d+$/);
    expect(lines.slice(1, 3)).toEqual(['Database initialized successfully!', 'Allocated MAC: a4:58:0f:01:00:00']);
    expect(lines[5]).toMatch(/^a4:58:0f:01:00:00 {4}development {2}my-vm {16}active {5}\d{4}-/);
    expect(lines.slice(6)).toEqual([
      ...['', 'Total: 1 allocation(s)', 'Released 1 MAC address(es)'],
      ...['The ledger keeps every rule.', 'The ledger has stopped.'],
    ]);
  } finally {
    await shell.rockMac('ledger', 'stop');
    await shell.close();
  }
});

test('a user without an account and a home, as in containers, reaches the configured ledger', async () => {
  const user = process.getuid?.() === 0 ? { uid: 54_321, gid: 54_321 } : undefined;
  const shell = await openShell({ PATH: packed.path }, { bin: packed.bin, ...(user === undefined ? {} : { user }) });
  try {
    const { code, stderr } = await shell.bash('unset HOME; rock-mac pool list --ledger postgresql://127.0.0.1:1/none');
    expect({ code, stderr }).toEqual({ code: 7, stderr: expect.stringContaining('could not be reached') as string });
  } finally {
    await shell.close();
  }
});

test('the plugin and its completion are installed under the names that kubectl expects', async () => {
  const shell = await openShell({ PATH: packed.path }, { bin: packed.bin });
  try {
    expect((await shell.bash('kubectl-rock_mac --help')).stdout).toMatch(/^Usage: kubectl rock-mac /);
    expect((await shell.bash('kubectl_complete-rock_mac alloc')).stdout).toMatch(/^allocate\t.*\n:4\n$/);
  } finally {
    await shell.close();
  }
});

test('make install installs Node, Postgres and all three programs', async () => {
  const prefix = path.join(packed.folder, 'local');
  await run('make', ['--silent', 'install', `PREFIX=${prefix}`], { cwd: REPOSITORY });
  const shell = await openShell(
    { PATH: `${path.join(prefix, 'bin')}:/usr/bin:/bin` },
    { bin: path.join(prefix, 'bin') },
  );
  try {
    const { code, stdout, stderr } = await shell.bash(`
      set -e
      rock-mac init 2>/dev/null
      rock-mac allocate
      kubectl-rock_mac --version
      kubectl_complete-rock_mac rele`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/\nAllocated MAC: a4:58:0f:01:00:00\n\d+\.\d+\.\d+\nrelease\t.*\n:4\n$/);
  } finally {
    await shell.rockMac('ledger', 'stop');
    await shell.close();
  }
});

test('an old Node is refused with a message, if the system has one', async () => {
  const { bin } = packed;
  const shell = await openShell({ PATH: `${bin}:/usr/bin:/bin` }, { bin });
  try {
    const { stdout } = await shell.bash('node --version');
    const [, major = '99'] = /^v(\d+)\./.exec(stdout) ?? [];
    const { stderr } = await shell.bash('rock-mac --version');
    const tooOld = Number(major) < 22;
    expect(stderr).toMatch(tooOld ? /^Error: rock-mac needs Node\.js 22\.19 or newer, this is / : /^$|node/);
  } finally {
    await shell.close();
  }
});
