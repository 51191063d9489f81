/**
 * Runs checks one after the other, and ends with the line `N passed, N failed, N skipped`: the sums over all checks. A check
 * without single tests (lint, types, generated files) counts as one. The lines above it name each skipped and failed test
 * with its reason. Exits non-zero if a check failed or nothing ran.
 *
 * With `--again`, files that use real services and fail run a second time. What passes then is named as unstable.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { addSummaries, type Summary } from './summary.ts';
import { failedFiles, type FileResults, resultsByFile, summarize, vitestReport } from './vitest-results.ts';

const ROOT = path.join(import.meta.dirname, '..');

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  lint: ['npm', 'run', '--silent', 'lint'],
  types: ['npm', 'run', '--silent', 'types'],
  verify: ['node', 'hack/generate.ts', '--check'],
};

const VITEST_PROJECTS = ['unit', 'integration', 'console', 'node', 'fault'];

/**
 * More failed files than this are no accident, and running them again would only hide it. Unit tests never run again: nothing
 * but their code can make them fail.
 */
const MAX_REPEATED_FILES = 4;

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { again: { type: 'boolean', default: false } },
});
const summaries = wanted.map((name) => {
  console.log(`\n== ${name}`);
  // `fault=crashes,ledger-` runs only the files of the project whose paths contain one of these parts.
  const [project = '', parts = ''] = name.split('=');
  return VITEST_PROJECTS.includes(project) ? runVitest(project, parts.split(',').filter(Boolean)) : runCommand(name);
});
const { passed, failed, failures, skipped, unstable } = addSummaries(summaries);
for (const name of skipped) console.log(`skipped: ${name}`);
for (const name of unstable) console.log(`unstable, passed the second time: ${name}`);
for (const name of failures) console.log(`failed: ${name}`);
if (failed > 0 || passed === 0) process.exitCode = 1;
console.log(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped`);

function runCommand(name: string): Summary {
  const [program, ...args] = COMMANDS[name] ?? [];
  if (program === undefined) throw new Error(`unknown check ${name}`);
  const ok = run(program, args);
  console.log(ok ? 'ok' : `${name} failed`);
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, failures: ok ? [] : [name], skipped: [], unstable: [] };
}

function runVitest(project: string, parts: readonly string[]): Summary {
  const first = vitest(project, parts);
  const again = failedFiles(first.results);
  const repeats = values.again && project !== 'unit' && again.length > 0 && again.length <= MAX_REPEATED_FILES;
  if (!repeats) return withErrors(summarize(first.results), first.ok, project);
  console.log(`\n== ${project} again: ${again.join(' ')}`);
  const second = vitest(project, again);
  return withErrors(summarize(first.results, second.results), second.ok, project);
}

/** A run also fails without a failed test: an error occurred outside of all tests. */
function withErrors(summary: Summary, ok: boolean, project: string): Summary {
  if (ok || summary.failed > 0) return summary;
  return { ...summary, failed: 1, failures: [`${project}: an error outside of all tests`] };
}

function vitest(
  project: string,
  parts: readonly string[],
): { readonly ok: boolean; readonly results: ReadonlyMap<string, FileResults> } {
  const folder = mkdtempSync(path.join(tmpdir(), 'rock-mac-test-'));
  try {
    const file = path.join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile=${file}`];
    const ok = run('vitest', ['run', '--project', project, ...reporters, ...parts]);
    return { ok, results: resultsByFile(vitestReport.parse(JSON.parse(readFileSync(file, 'utf8'))), ROOT) };
  } catch (error) {
    console.log(`vitest wrote no report: ${error instanceof Error ? error.message : String(error)}`);
    return { ok: false, results: new Map() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}
