/** The result of one check. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  /** The names of the failed tests, each with the first line of its reason. */
  readonly failures: readonly string[];
  /** The names of the skipped tests. A name includes the reason if the test gives one. */
  readonly skipped: readonly string[];
  /** The names of the tests that failed first and passed when their file ran again. */
  readonly unstable: readonly string[];
}

export function addSummaries(summaries: readonly Summary[]): Summary {
  return {
    passed: summaries.reduce((sum, { passed }) => sum + passed, 0),
    failed: summaries.reduce((sum, { failed }) => sum + failed, 0),
    failures: summaries.flatMap(({ failures }) => failures),
    skipped: summaries.flatMap(({ skipped }) => skipped),
    unstable: summaries.flatMap(({ unstable }) => unstable),
  };
}
