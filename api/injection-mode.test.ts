import { describe, expect, test } from 'vitest';
import {
  INJECTION_MODES,
  type InjectionMode,
  isSelectedNamespace,
  type LabelRequirement,
  otherNamespaces,
  selectedNamespaces,
} from './injection-mode.ts';

const INJECT = 'mac.rock-os.io/inject';
const RUN_LEVEL = 'openshift.io/run-level';

test.each<[string, Record<string, string>, Record<InjectionMode, boolean>]>([
  ['without a label', {}, { 'opt-in': false, 'opt-out': true }],
  ['that opted in', { [INJECT]: 'Enabled' }, { 'opt-in': true, 'opt-out': true }],
  ['that opted out', { [INJECT]: 'OFF' }, { 'opt-in': false, 'opt-out': false }],
  ['with a word that nobody understands', { [INJECT]: 'enalbed' }, { 'opt-in': false, 'opt-out': true }],
  ['of run-level 0', { [RUN_LEVEL]: '0' }, { 'opt-in': false, 'opt-out': false }],
  ['of run-level 1', { [RUN_LEVEL]: '1', [INJECT]: 'enabled' }, { 'opt-in': true, 'opt-out': false }],
  ['of run-level 0 by the short label', { runlevel: '0' }, { 'opt-in': false, 'opt-out': false }],
  ['of a later run-level', { [RUN_LEVEL]: '9' }, { 'opt-in': false, 'opt-out': true }],
])('a namespace %s is selected as its mode says', (_, labels, expected) => {
  for (const mode of INJECTION_MODES)
    expect({ mode, is: isSelectedNamespace(labels, mode) }).toEqual({ mode, is: expected[mode] });
});

describe.each(INJECTION_MODES)('with %s, every namespace', (mode) => {
  const meets = (labels: Record<string, string>, requirements: readonly LabelRequirement[]) =>
    requirements.every(({ key, operator, values }) => values.includes(labels[key] ?? '') === (operator === 'In'));

  const levelsOf = (level: string) => [
    { [RUN_LEVEL]: level },
    { runlevel: level },
    { [RUN_LEVEL]: level, runlevel: level },
  ];

  test('is selected, or meets exactly one selector of the others', () => {
    for (const inject of ['', 'enabled', 'no', 'x']) {
      for (const level of [{}, ...['0', '1', '2'].flatMap(levelsOf)]) {
        const labels = { ...(inject !== '' && { [INJECT]: inject }), ...level };
        const selectors = [selectedNamespaces(mode), ...otherNamespaces(mode)];
        expect({ labels, met: selectors.filter((each) => meets(labels, each)).length }).toEqual({ labels, met: 1 });
        expect(isSelectedNamespace(labels, mode)).toBe(meets(labels, selectedNamespaces(mode)));
      }
    }
  });
});
