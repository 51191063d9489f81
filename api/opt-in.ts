/** How people write yes. Case and outer blanks do not count. */
export const OPT_IN_WORDS = ['true', 'yes', 'on', 'enabled', '1'] as const;

/** How people write no. */
export const OPT_OUT_WORDS = ['false', 'no', 'off', 'disabled', '0'] as const;

/** Returns whether the value of an annotation or label says yes. */
export function isOptIn(value: string | undefined): boolean {
  const word = (value ?? '').trim().toLowerCase();
  return OPT_IN_WORDS.some((each) => each === word);
}

/** Returns whether the value of the annotation says no. Any other word leaves the decision to the namespace. */
export function isOptOut(value: string | undefined): boolean {
  const word = (value ?? '').trim().toLowerCase();
  return OPT_OUT_WORDS.some((each) => each === word);
}

/** The values of a label that say yes, and those that say no. A selector of labels compares them as they are. */
export const OPT_IN_LABEL_VALUES = inUsualCases(OPT_IN_WORDS);
export const OPT_OUT_LABEL_VALUES = inUsualCases(OPT_OUT_WORDS);

function inUsualCases(words: readonly string[]): readonly string[] {
  const cases = words.flatMap((word) => [word, `${word.charAt(0).toUpperCase()}${word.slice(1)}`, word.toUpperCase()]);
  return [...new Set(cases)];
}
