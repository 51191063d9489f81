import { expect, test } from 'vitest';
import { failedFiles, resultsByFile, summarize } from './vitest-results.ts';

function report(...files: readonly (readonly [name: string, ...statuses: string[]])[]) {
  return {
    testResults: files.map(([name, ...statuses]) => ({
      name: `/repository/${name}`,
      status: statuses.includes('failed') || statuses.length === 0 ? 'failed' : 'passed',
      message: statuses.length === 0 ? 'no such module\nat load' : '',
      assertionResults: statuses.map((status, index) => ({
        fullName: `test ${String(index)}`,
        status,
        failureMessages: status === 'failed' ? ['expected 1\nat line 2'] : [],
      })),
    })),
  };
}

const first = resultsByFile(
  report(['a.ts', 'passed', 'failed', 'skipped'], ['b.ts', 'passed'], ['c.ts']),
  '/repository',
);

test('a failed test is named with its file and the first line of its reason', () => {
  expect(summarize(first)).toEqual({
    passed: 2,
    failed: 2,
    failures: ['a.ts: test 1: expected 1', 'c.ts: no such module'],
    skipped: ['test 2'],
    unstable: [],
  });
  expect(failedFiles(first)).toEqual(['a.ts', 'c.ts']);
});

test('a file that passes when it runs again has passed, and its failed tests are named as unstable', () => {
  const second = resultsByFile(report(['a.ts', 'passed', 'passed', 'skipped'], ['c.ts', 'passed']), '/repository');
  expect(summarize(first, second)).toEqual({
    passed: 4,
    failed: 0,
    failures: [],
    skipped: ['test 2'],
    unstable: ['a.ts: test 1: expected 1', 'c.ts: no such module'],
  });
});

test('a file that fails again has failed, also if another of its tests failed first', () => {
  const second = resultsByFile(report(['a.ts', 'failed', 'passed', 'skipped'], ['c.ts', 'passed']), '/repository');
  expect(summarize(first, second)).toMatchObject({
    failed: 1,
    failures: ['a.ts: test 0: expected 1'],
    unstable: ['c.ts: no such module'],
  });
});
