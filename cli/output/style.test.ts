import { expect, test } from 'vitest';
import { bar, paint } from './style.ts';

test('text stays unchanged without colours', () => {
  expect(paint({ colours: false }, 'red', 'full')).toBe('full');
  expect(paint({ colours: true }, 'red', 'full')).toBe('\x1b[31mfull\x1b[0m');
});

test.each([
  [0, '░░░░░░░░░░░░░░░░░░░░ 0.0%'],
  [0.01, '█░░░░░░░░░░░░░░░░░░░ 0.0%'],
  [50, '██████████░░░░░░░░░░ 50%'],
  [100, '████████████████████ 100%'],
])('%d percent is shown as a bar', (percent, wanted) => {
  expect(bar({ colours: false }, percent)).toBe(wanted);
});

test.each([
  [74, '\x1b[32m'],
  [75, '\x1b[33m'],
  [90, '\x1b[31m'],
])('%d percent sets the colour of the bar', (percent, code) => {
  expect(bar({ colours: true }, percent)).toContain(`${code}█`);
});
