/**
 * Proves that the tests of the ledger can fail. Each mutant of mutants.ts is applied to a copy of the project; its test
 * must fail there, and pass without it. Prints a table; exits non-zero if a mutant survives.
 *
 * node test/mutants/run.ts [part of a name]
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { migrate } from '../../ledger/migrate.ts';
import { withClient } from '../env/postgres/databases.ts';
import { startPostgres } from '../env/postgres/postgres.ts';
import { type Mutant, MUTANTS, mutate } from './mutants.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const PARTS = ['mac', 'api', 'time', 'ledger', 'test', 'package.json', 'tsconfig.json'];
const LIMIT_MS = 120_000;

const run = promisify(execFile);
const report = z.object({
  testResults: z.array(z.object({ assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })) })),
});

/** Returns the statuses of the tests whose full name begins with `name`. */
async function statuses(copy: string, postgresUrl: string, [file, name]: Mutant['caughtBy']): Promise<string[]> {
  const output = path.join(copy, 'report.json');
  await rm(output, { force: true });
  const escaped = name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const pattern = `^${escaped.replaceAll(' ', ' (> )?')}`; // between the names of a group and of its test
  const config = path.join(copy, 'test', 'mutants', 'vitest.config.ts');
  const args = [
    'run',
    '--config',
    config,
    `test/integration/${file}.test.ts`,
    '-t',
    pattern,
    '--reporter=json',
    `--outputFile=${output}`,
  ];
  const env = { PATH: process.env['PATH'], MUTANT_POSTGRES_URL: postgresUrl, ROCK_MAC_PROPERTY_SECONDS: '8' };
  const vitest = path.join(ROOT, 'node_modules', '.bin', 'vitest');
  await run(vitest, args, { cwd: copy, env, timeout: LIMIT_MS }).catch(() => undefined); // the report has the failures
  const { testResults } = report.parse(JSON.parse(await readFile(output, 'utf8')));
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ fullName }) => fullName.startsWith(name))
    .map(({ status }) => status)
    .filter((status) => status === 'passed' || status === 'failed');
}

/** Applies a mutant to the copy and returns a function that undoes it. Throws if the text is missing. */
async function applyMutant(copy: string, mutant: Mutant): Promise<() => Promise<void>> {
  const target = path.join(copy, mutant.file);
  const text = await readFile(target, 'utf8');
  await writeFile(target, mutate(text, mutant));
  return () => writeFile(target, text);
}

/** Empties the server. Every mutant starts with an empty server, because templates of the previous one would be copied. */
async function emptyServer(adminUrl: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      `select datname from pg_database where datname not in ('postgres', 'template0', 'template1')`,
    );
    for (const { datname } of rows) await client.query(`drop database "${datname}" with (force)`);
    await client.query('create database mutant');
  });
}

async function testMutant(copy: string, postgresUrl: string, mutant: Mutant): Promise<string> {
  await emptyServer(postgresUrl);
  const undo = await applyMutant(copy, mutant);
  try {
    const directory = new URL(`file://${copy}/ledger/migrations/`);
    await migrate(postgresUrl.replace(/\/postgres$/, '/mutant'), { directory });
    const found = await statuses(copy, postgresUrl, mutant.caughtBy);
    if (found.length === 0) return 'NO SUCH TEST';
    return found.includes('failed') ? 'caught' : 'SURVIVED';
  } finally {
    await undo();
  }
}

/** Throws if a test fails without any mutant: such a test proves nothing. */
async function proveUnbroken(copy: string, postgresUrl: string): Promise<void> {
  for (const file of new Set(mutants.map(({ caughtBy }) => caughtBy[0]))) {
    const found = await statuses(copy, postgresUrl, [file, '']);
    if (found.includes('failed') || found.length === 0) throw new Error(`${file} does not pass without any mutant`);
  }
}

const [wanted = ''] = process.argv.slice(2);
const mutants = MUTANTS.filter(({ name }) => name.includes(wanted));
const copy = await mkdtemp(path.join(tmpdir(), 'rock-mac-mutants-'));
const postgres = await startPostgres({ fsync: false });
const missed: string[] = [];
try {
  for (const part of PARTS) await cp(path.join(ROOT, part), path.join(copy, part), { recursive: true });
  await symlink(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  await proveUnbroken(copy, postgres.url());
  for (const mutant of mutants) {
    const started = performance.now();
    const result = await testMutant(copy, postgres.url(), mutant).catch((error: unknown) => `BROKEN: ${String(error)}`);
    if (result !== 'caught') missed.push(mutant.name);
    const seconds = ((performance.now() - started) / 1_000).toFixed(1).padStart(6);
    console.log(`${mutant.name.padEnd(58)} ${result.padEnd(9)} ${seconds} s  ${mutant.caughtBy.join(': ')}`);
  }
} finally {
  await postgres.close();
  await rm(copy, { recursive: true, force: true });
}
console.log(`\n${String(mutants.length - missed.length)} of ${String(mutants.length)} mutants caught`);
if (missed.length > 0) {
  console.log(`not caught: ${missed.join(', ')}`);
  process.exitCode = 1;
}
