import { expect, test } from 'vitest';
import { createTerminal } from './terminal.ts';

function outputs(isTTY: boolean) {
  const written = { out: '', err: '' };
  const sink = (name: 'out' | 'err') => ({
    isTTY,
    write: (text: string | Uint8Array) => {
      written[name] += String(text);
      return true;
    },
  });
  return { written, stdout: sink('out'), stderr: sink('err') };
}

test('data goes to stdout and messages go to stderr', () => {
  const { written, stdout, stderr } = outputs(false);
  const terminal = createTerminal(stdout, stderr, {});
  terminal.print('data');
  terminal.notify('words');
  expect(written).toEqual({ out: 'data\n', err: 'words\n' });
});

test('control characters are removed from messages', () => {
  const { written, stdout, stderr } = outputs(true);
  createTerminal(stdout, stderr, {}).notify('Error: \x1b[2Jbad\r\n  at\tline');
  expect(written.err).toBe('Error: [2Jbad\n  at\tline\n');
});

test('progress is shown only on a terminal, and the next line replaces it', () => {
  const pipe = outputs(false);
  createTerminal(pipe.stdout, pipe.stderr, {}).progress('1 of 2');
  expect(pipe.written.err).toBe('');
  const tty = outputs(true);
  const terminal = createTerminal(tty.stdout, tty.stderr, {});
  terminal.progress('1 of 2');
  terminal.print('done');
  expect(tty.written).toEqual({ out: 'done\n', err: '\r\x1b[K1 of 2\r\x1b[K' });
});

test.each([
  ['a terminal', true, {}, true],
  ['a terminal with NO_COLOR', true, { NO_COLOR: '1' }, false],
  ['a terminal with an empty NO_COLOR', true, { NO_COLOR: '' }, true],
  ['a dumb terminal', true, { TERM: 'dumb' }, false],
  ['a pipe', false, {}, false],
])('colours on %s', (_, isTTY, env, wanted) => {
  const { stdout, stderr } = outputs(isTTY);
  expect(createTerminal(stdout, stderr, env).colours).toBe(wanted);
});
