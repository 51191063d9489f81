import { execFile } from 'node:child_process';
import { appendFile, chown, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { z } from 'zod';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import type { Endpoint } from '../env/network/sockets.ts';
import { ping, withClient } from '../env/postgres/databases.ts';
import type { Postgres } from '../env/postgres/postgres.ts';
import { postgresPrograms } from '../env/postgres/postgres-binaries.ts';
import { eventually } from '../env/run/eventually.ts';
import { reservePort } from '../env/run/port-reservation.ts';
import type { Run } from '../env/run/run.ts';
import { createServerProcess, type ServerProcess } from '../env/run/server-process.ts';

/** A Postgres that started as a copy of another one's files. */
export interface Copy extends ServerProcess {
  readonly port: number;
  readonly url: string;
  /** Adds lines to postgresql.conf that override earlier ones from its next start on. */
  configure(settings: Readonly<Record<string, string | number>>): Promise<void>;
  /** From its next start on it follows `primary` as a standby called `name`. */
  follow(primary: Endpoint): Promise<void>;
  /** At its next start it replays the archive up to a restore point, then continues on its own timeline. */
  replayUpTo(restorePoint: string, archive: string): Promise<void>;
  close(): Promise<void>;
}

const run = promisify(execFile);

/**
 * Copies the files of a stopped Postgres. Started unchanged it is an old backup, after `follow` a standby. The copy has
 * its own port and is down until `start()`. (pg_basebackup is not among the available programs.)
 */
export async function copyOf(source: Postgres, testEnv: Run, name: string): Promise<Copy> {
  if (source.pid !== undefined) throw new Error('Only the files of a stopped Postgres can be copied as they are.');
  const dataFolder = path.join(await testEnv.makeFolder(name), 'data');
  await run('cp', ['-a', source.dataFolder, dataFolder]);
  await rm(path.join(dataFolder, 'postmaster.pid'), { force: true });
  return copyAt(dataFolder, source, testEnv, name);
}

/**
 * Takes a base backup of a running Postgres with the low-level API (manual, "Continuous Archiving"). Changes during the
 * copy come from the archive, so the copy needs `replayUpTo`.
 */
export async function baseBackupOf(source: Postgres, testEnv: Run, name: string): Promise<Copy> {
  const { user } = await postgresPrograms(testEnv);
  const folder = await testEnv.makeFolder(name);
  const dataFolder = path.join(folder, 'data');
  const tar = path.join(folder, 'base.tar');
  await mkdir(dataFolder, { mode: 0o700 });
  await withClient(source.url(), async (session) => {
    await session.query(`select pg_backup_start('base', fast => true)`);
    const left = ['--exclude=./pg_wal/*', '--exclude=./postmaster.pid', '--exclude=./pg_dynshmem/*'];
    await run('tar', ['-C', source.dataFolder, ...left, '-cf', tar, '.']).catch((error: unknown) => {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 1) throw error; // 1: a file changed during the copy
    });
    const { rows } = await session.query('select labelfile from pg_backup_stop(wait_for_archive => false)');
    const { labelfile } = z.object({ labelfile: z.string() }).parse(rows[0]);
    await run('tar', ['-C', dataFolder, '-xpf', tar]);
    await writeFile(path.join(dataFolder, 'backup_label'), labelfile);
    await mkdir(path.join(dataFolder, 'pg_wal', 'archive_status'));
  });
  if (user !== undefined) await run('chown', ['-R', `${String(user.uid)}:${String(user.gid)}`, dataFolder]);
  return copyAt(dataFolder, source, testEnv, name);
}

/** Creates an archive folder that Postgres may write to. */
export async function archiveFolder(testEnv: Run): Promise<string> {
  const { user } = await postgresPrograms(testEnv);
  const folder = await testEnv.makeFolder('archive');
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  return folder;
}

async function copyAt(dataFolder: string, source: Postgres, testEnv: Run, name: string): Promise<Copy> {
  const programs = await postgresPrograms(testEnv);
  const port = await reservePort();
  const url = source.url().replace(`:${String(source.port)}/`, `:${String(port.value)}/`);
  const configure: Copy['configure'] = (settings) => {
    const lines = Object.entries(settings).map(([key, value]) => `${key} = '${String(value)}'\n`);
    return appendFile(path.join(dataFolder, 'postgresql.auto.conf'), lines.join(''));
  };
  await configure({ port: port.value, synchronous_standby_names: '' });
  const server = createServerProcess(testEnv, {
    child: {
      name,
      command: programs.postgres,
      args: ['-D', dataFolder],
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
      user: programs.user,
      softSignal: 'SIGQUIT',
    },
    ready: () => ping(url),
    stopSignal: 'SIGINT',
  });
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    port: port.value,
    url,
    configure,
    follow: async (primary) => {
      const { user, password } = source;
      const { host } = primary;
      await configure({
        primary_conninfo: `host=${host} port=${String(primary.port)} user=${user} password=${password} application_name=${name}`,
      });
      await writeFile(path.join(dataFolder, 'standby.signal'), '');
    },
    replayUpTo: async (restorePoint, archive) => {
      await configure({
        restore_command: `cp ${archive}/%f %p`,
        recovery_target_name: restorePoint,
        recovery_target_action: 'promote',
        archive_mode: 'off',
      });
      await writeFile(path.join(dataFolder, 'recovery.signal'), '');
    },
    close: async () => {
      await server.stop();
      await port.release();
    },
  };
}

/** Resolves when a standby has everything that its primary has committed by now. */
export async function replicated(standby: LedgerClient, primary: LedgerClient): Promise<void> {
  const row = z.object({ lsn: z.string() });
  const [target] = await primary.query({ text: 'select pg_current_wal_lsn()::text as lsn', values: [], row });
  const text = 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as there';
  const there = { text, values: [target?.lsn], row: z.object({ there: z.boolean() }) };
  await eventually(
    async () => {
      expect(await standby.query(there)).toEqual([{ there: true }]);
    },
    { within: 30_000 },
  );
}

export async function promote(standby: LedgerClient): Promise<void> {
  await standby.query({ text: 'select pg_promote()', values: [], row: z.object({}) });
}
