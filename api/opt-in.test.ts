import { expect, test } from 'vitest';
import { isOptIn, isOptOut, OPT_IN_LABEL_VALUES, OPT_OUT_LABEL_VALUES } from './opt-in.ts';

test.each(['true', 'True', 'TRUE', ' yes', 'on ', 'enabled', '1'])('%j opts in', (value) => {
  expect(isOptIn(value)).toBe(true);
});

test.each([undefined, '', 'false', 'no', 'off', 'disabled', '0', 'ture', 'truetrue'])('%j does not opt in', (value) => {
  expect(isOptIn(value)).toBe(false);
});

test.each<[string | undefined, boolean]>([
  ['false', true],
  [' No', true],
  ['OFF ', true],
  ['disabled', true],
  ['0', true],
  [undefined, false],
  ['', false],
  ['true', false],
  ['fasle', false],
])('%j opts out: %s', (value, optsOut) => {
  expect(isOptOut(value)).toBe(optsOut);
});

test('the values of a label are the same words in their usual cases', () => {
  expect(OPT_IN_LABEL_VALUES).toEqual(expect.arrayContaining(['enabled', 'Enabled', 'TRUE', 'true', '1']));
  for (const value of OPT_IN_LABEL_VALUES) expect(isOptIn(value)).toBe(true);
  expect(OPT_OUT_LABEL_VALUES).toEqual(expect.arrayContaining(['disabled', 'False', 'NO', '0']));
  for (const value of OPT_OUT_LABEL_VALUES) expect(isOptOut(value)).toBe(true);
});
