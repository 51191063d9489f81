import path from 'node:path';
import { z } from 'zod';
import type { Summary } from './summary.ts';

/** The part of Vitest's JSON report that is read. */
export const vitestReport = z.object({
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

/** The results of one file of tests. A name in `failures` begins with the path of the file. */
export type FileResults = Omit<Summary, 'unstable'>;

/** Returns the results by file. The paths are relative to `root`. */
export function resultsByFile(report: z.infer<typeof vitestReport>, root: string): ReadonlyMap<string, FileResults> {
  return new Map(
    report.testResults.map(({ name, status, message = '', assertionResults: tests }) => {
      const file = path.relative(root, name);
      const failed = tests.filter((each) => each.status === 'failed');
      // A file that failed to load, or whose set-up failed, has no failed test.
      const brokeBefore = failed.length === 0 && status === 'failed';
      const failures = failed.map((each) => `${file}: ${each.fullName}: ${firstLine(each.failureMessages?.[0] ?? '')}`);
      return [
        file,
        {
          passed: tests.filter((each) => each.status === 'passed').length,
          failed: brokeBefore ? 1 : failed.length,
          failures: brokeBefore ? [`${file}: ${firstLine(message)}`] : failures,
          skipped: tests.filter((each) => !['passed', 'failed'].includes(each.status)).map(({ fullName }) => fullName),
        },
      ];
    }),
  );
}

export function failedFiles(results: ReadonlyMap<string, FileResults>): readonly string[] {
  return [...results].filter(([, { failed }]) => failed > 0).map(([file]) => file);
}

/** Adds up the results of a run, in which the second results of a file replace its first. */
export function summarize(
  first: ReadonlyMap<string, FileResults>,
  second: ReadonlyMap<string, FileResults> = new Map(),
): Summary {
  const results = [...new Map([...first, ...second]).values()];
  return {
    passed: results.reduce((sum, { passed }) => sum + passed, 0),
    failed: results.reduce((sum, { failed }) => sum + failed, 0),
    failures: results.flatMap(({ failures }) => failures),
    skipped: results.flatMap(({ skipped }) => skipped),
    unstable: [...second].filter(([, { failed }]) => failed === 0).flatMap(([file]) => first.get(file)?.failures ?? []),
  };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
