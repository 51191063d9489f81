/** What one check came to. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  /** Names of what failed, each with the first line of its reason. */
  readonly failures: readonly string[];
  /** Names of tests that were skipped, with their reasons where they give one. */
  readonly skipped: readonly string[];
}

export function addSummaries(summaries: readonly Summary[]): Summary {
  return {
    passed: summaries.reduce((sum, { passed }) => sum + passed, 0),
    failed: summaries.reduce((sum, { failed }) => sum + failed, 0),
    failures: summaries.flatMap(({ failures }) => failures),
    skipped: summaries.flatMap(({ skipped }) => skipped),
  };
}
