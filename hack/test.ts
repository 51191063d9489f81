/**
 * Runs checks one after the other, and ends with the line `N passed, N failed, N skipped`: the sums over all checks. A check
 * without single tests (lint, types, generated files) counts as one. The lines above it name each skipped and failed test
 * with its reason. Exits non-zero if a check failed or nothing ran.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { addSummaries, type Summary } from './summary.ts';

const ROOT = path.join(import.meta.dirname, '..');

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  lint: ['npm', 'run', '--silent', 'lint'],
  types: ['npm', 'run', '--silent', 'types'],
  verify: ['node', 'hack/generate.ts', '--check'],
};

const VITEST_PROJECTS = ['unit', 'integration', 'node', 'fault'];

const report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
});

const wanted = process.argv.slice(2);
const summaries = wanted.map((name) => {
  console.log(`\n== ${name}`);
  // `fault=crashes,ledger-` runs only the files of the project whose paths contain one of these parts.
  const [project = '', parts = ''] = name.split('=');
  return VITEST_PROJECTS.includes(project) ? runVitest(project, parts.split(',').filter(Boolean)) : runCommand(name);
});
const { passed, failed, failures, skipped } = addSummaries(summaries);
for (const name of skipped) console.log(`skipped: ${name}`);
for (const name of failures) console.log(`failed: ${name}`);
if (failed > 0 || passed === 0) process.exitCode = 1;
console.log(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped`);

function runCommand(name: string): Summary {
  const [program, ...args] = COMMANDS[name] ?? [];
  if (program === undefined) throw new Error(`unknown check ${name}`);
  const ok = run(program, args);
  console.log(ok ? 'ok' : `${name} failed`);
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, failures: ok ? [] : [name], skipped: [] };
}

function runVitest(project: string, parts: readonly string[]): Summary {
  const folder = mkdtempSync(path.join(tmpdir(), 'rock-mac-test-'));
  try {
    const file = path.join(folder, 'report.json');
    const ok = run('vitest', [
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile=${file}`,
      ...parts,
    ]);
    const { numPassedTests, numFailedTests, testResults } = report.parse(JSON.parse(readFileSync(file, 'utf8')));
    const all = testResults.flatMap(({ assertionResults }) => assertionResults);
    const failures = testResults.flatMap(({ name: file, status, message = '', assertionResults }) => {
      const failed = assertionResults.filter((each) => each.status === 'failed');
      const where = path.relative(ROOT, file);
      // A file that failed to load, or whose set-up failed, has no failed test.
      if (failed.length === 0 && status === 'failed') return [`${where}: ${firstLine(message)}`];
      return failed.map((each) => `${where}: ${each.fullName}: ${firstLine(each.failureMessages?.[0] ?? '')}`);
    });
    const skipped = all.filter(({ status }) => !['passed', 'failed'].includes(status)).map(({ fullName }) => fullName);
    // The run also fails without a failed test: a file failed to load, or an error occurred outside of all tests.
    return { passed: numPassedTests, failed: Math.max(numFailedTests, ok ? 0 : 1), failures, skipped };
  } catch (error) {
    console.log(`vitest wrote no report: ${error instanceof Error ? error.message : String(error)}`);
    return { passed: 0, failed: 1, failures: [`${project}: no report`], skipped: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function run(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}
