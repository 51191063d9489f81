import { expect, test } from 'vitest';
import { runReload } from './reload.ts';

test.each([
  ['true', undefined],
  ['exit 3', 'exit code 3'],
  ['no-such-program-of-ours 2>/dev/null', 'exit code 127'],
  ['kill -TERM $$', 'ended by SIGTERM'],
])('the result of %j is %j', async (command, result) => {
  expect(await runReload(command)).toBe(result);
});

test('a command that hangs is ended', async () => {
  expect(await runReload('exec sleep 60', 100)).toBe('ended by SIGTERM');
});
