import { execFile } from 'node:child_process';
import { copyFile, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wrongSizes } from '../../hack/release/sizes.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { nativeFolder } from '../env/postgres/postgres-binaries.ts';
import { type EmptyMachine, makeEmptyMachine } from './empty-machine.ts';
import { makeReleaseFiles, type ReleaseFiles } from './release-files.ts';

/* The archive of a release, on a machine that has neither Node nor this repository. The archives for macOS cannot run here. */

const run = promisify(execFile);
/** A root folder of its own needs root. */
const asRoot = describe.skipIf(process.getuid?.() !== 0);
/** Packing takes half a minute, and several on a busy machine. */
const PATIENCE = 900_000;
const MINUTES = { timeout: PATIENCE };

let release: ReleaseFiles;
let name = '';

beforeAll(async () => {
  release = await makeReleaseFiles('full');
  name = path.basename(release.archive, '.tar.gz');
}, PATIENCE);
afterAll(async () => {
  await release.remove();
});

test('the archive made again has the same bytes', MINUTES, async () => {
  const [one, two] = await Promise.all([release.archive, await release.again()].map((file) => readFile(file)));
  expect(one?.equals(two ?? Buffer.alloc(0))).toBe(true);
});

test('the archive has the size that docs/install.md says', async () => {
  const page = await readFile(path.join(import.meta.dirname, '../../docs/install.md'), 'utf8');
  const { size } = await stat(release.archive);
  expect(wrongSizes(page, packageJson.version, new Map([[path.basename(release.archive), size]]))).toEqual([]);
});

test('the archive has one folder, with licences, completions and the programs of all three names', async () => {
  const { stdout } = await run('tar', ['-tzf', release.archive], { maxBuffer: 16e6 });
  const files = stdout.split('\n').filter((file) => file !== '');
  expect(files.filter((file) => !file.startsWith(`${name}/`))).toEqual([]);
  expect(files.map((file) => file.slice(name.length + 1))).toEqual(
    expect.arrayContaining([
      ...['rock-mac', 'kubectl-rock_mac', 'kubectl_complete-rock_mac'].map((program) => `bin/${program}`),
      ...['LICENSE', 'NODE-LICENSE.txt', 'POSTGRES-LICENSES.txt', 'RUNTIMES.txt', 'THIRD-PARTY-LICENSES.txt'].map(
        (file) => `lib/rock-mac/${file}`,
      ),
      'share/bash-completion/completions/rock-mac',
      'share/zsh/site-functions/_rock-mac',
      'share/fish/vendor_completions.d/rock-mac.fish',
    ]),
  );
});

asRoot('on a machine without Node', () => {
  let machine: EmptyMachine;

  beforeAll(async () => {
    const native = path.join(nativeFolder(), 'bin');
    machine = await makeEmptyMachine([process.execPath, path.join(native, 'postgres'), path.join(native, 'initdb')]);
  });
  afterAll(async () => {
    await machine.remove();
  });

  test.each([
    ['root, for whom Postgres runs as nobody', '0:0', '/root', 'nobody'],
    ['an ordinary user', '1000:1000', '/home', 'ada'],
  ])('the first address takes three commands: as %s', MINUTES, async (_, user, home, owner) => {
    await copyFile(release.archive, path.join(machine.root, home, path.basename(release.archive)));
    const output = await machine.script(
      user,
      `cd ${home}
       ! command -v node
       tar -xzf ${name}.tar.gz
       ${name}/bin/rock-mac init
       ${name}/bin/rock-mac allocate --device my-vm
       stat -c %U "$(readlink -f .rock/ledger)/data"
       ${name}/bin/kubectl-rock_mac --version
       ${name}/bin/rock-mac check
       ${name}/bin/rock-mac ledger stop`,
    );
    expect(output.trim().split('\n')).toEqual([
      'Database initialized successfully!',
      'Allocated MAC: a4:58:0f:01:00:00',
      owner,
      packageJson.version,
      'The ledger keeps every rule.',
      'The ledger has stopped.',
    ]);
  });
});
