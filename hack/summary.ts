/** What one check came to. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Names of what failed, each with the first line of its reason. */
  readonly failures: readonly string[];
  /** Names of tests that were skipped, with their reasons where they give one. */
  readonly skipped: readonly string[];
}

export function addTallies(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, { passed }) => sum + passed, 0),
    failed: tallies.reduce((sum, { failed }) => sum + failed, 0),
    failures: tallies.flatMap(({ failures }) => failures),
    skipped: tallies.flatMap(({ skipped }) => skipped),
  };
}
