import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { confirm } from './confirm.ts';

function terminalWith(text: string) {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  input.end(text);
  let written = '';
  return { input, write: (part: string) => (written += part), written: () => written };
}

test.each([
  ['y\n', true],
  ['YES\n', true],
  ['\n', false],
  ['no\n', false],
  ['yesterday\n', false],
  ['', false],
])('the answer %j is %s', async (text, answer) => {
  const streams = terminalWith(text);
  expect(await confirm('Release 3 addresses?', streams)).toBe(answer);
  expect(streams.written()).toBe('Release 3 addresses? [y/N] ');
});

test('nobody is asked without a terminal', async () => {
  const { write, written } = terminalWith('');
  expect(await confirm('Release 3 addresses?', { input: new PassThrough(), write })).toBeUndefined();
  expect(written()).toBe('');
});
