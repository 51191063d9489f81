import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const REPOSITORY = path.join(import.meta.dirname, '..', '..');

/** The packed tarball, installed by npm into an empty folder, as for a user without the repository. */
export interface Packed {
  /** Accessible to every user. */
  readonly folder: string;
  /** The folder with the programs of the package. */
  readonly bin: string;
  /** A PATH with the programs, the current Node and the system folders. */
  readonly path: string;
  /** The unpacked size. */
  readonly octets: number;
  remove(): Promise<void>;
}

export async function installPacked(): Promise<Packed> {
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-packed-'));
  await chmod(folder, 0o755);
  const prefix = path.join(folder, 'prefix');
  await run('npm', ['pack', '--pack-destination', folder, '--silent'], { cwd: REPOSITORY });
  const [tarball = 'none'] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  const { stdout } = await run('tar', ['-tvzf', path.join(folder, tarball)]);
  const octets = stdout.split('\n').reduce((sum, line) => sum + Number(line.split(/ +/)[2] ?? 0), 0);
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await run('npm', ['install', '--global', '--prefix', prefix, ...quiet, path.join(folder, tarball)], { cwd: folder });
  // A copy of Node that every user may run.
  const node = path.join(folder, 'node');
  await mkdir(node);
  await copyFile(process.execPath, path.join(node, 'node'));
  await chmod(path.join(node, 'node'), 0o755);
  const bin = path.join(prefix, 'bin');
  return {
    ...{ folder, bin, octets, path: `${bin}:${node}:/usr/bin:/bin` },
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}
