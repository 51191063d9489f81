import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const REPOSITORY = path.join(import.meta.dirname, '..', '..');

/** The packed tarball, installed by npm into an empty folder, as a user has it who has no repository. */
export interface Packed {
  /** Any user may enter it. */
  readonly folder: string;
  /** The programs of the package. */
  readonly bin: string;
  /** A PATH with those, the Node of this run and what the system has. */
  readonly path: string;
  /** What is in the tarball. */
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
  // Where every user may run it.
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
