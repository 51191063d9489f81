import { spawn } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';

const module = path.join(import.meta.dirname, 'run-process.ts');

/** Runs a service in its own process, because signals and exit codes belong to processes. */
function start(service: string) {
  const program = `
    import { runProcess } from ${JSON.stringify(module)};
    const print = (text) => process.stdout.write(text + '\\n');
    const logger = { info: (_, text) => print(text ?? _), fatal: (_, text) => print(text) };
    // Keeps the process alive, like a server that was started before.
    setInterval(() => undefined, 1_000);
    await runProcess(async () => { ${service} }, logger);
    print('returned');
    process.exit();
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  const waiting: (() => void)[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    for (const check of waiting) check();
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    printed: (text: string) =>
      new Promise<void>((resolve) => {
        const check = (): void => {
          if (output.includes(text)) resolve();
        };
        waiting.push(check);
        check();
      }),
    end: async () => ({ code: await ended, output: output.trim().split('\n') }),
  };
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s stops the service gracefully, and the process exits with 0',
  async (signal) => {
    const running = start(`print('up'); return { stop: async () => { print('stopping it') } };`);
    await running.printed('up');
    running.signal(signal);
    expect(await running.end()).toEqual({ code: 0, output: ['up', 'stopping', 'stopping it', 'stopped', 'returned'] });
  },
);

test('a service that is still starting does not delay the exit', async () => {
  const running = start(`print('starting'); return new Promise(() => undefined);`);
  await running.printed('starting');
  running.signal('SIGTERM');
  expect(await running.end()).toEqual({ code: 0, output: ['starting', 'stopped before it was up'] });
});

test('a second signal ends a service that cannot stop', async () => {
  const running = start(`print('up'); return { stop: () => new Promise(() => undefined) };`);
  await running.printed('up');
  running.signal('SIGTERM');
  await running.printed('stopping');
  running.signal('SIGTERM');
  expect((await running.end()).code).toBe(1);
});

test('a service that cannot start ends the process, even if other parts are running', async () => {
  const { code, output } = await start(`throw new Error('port taken');`).end();
  expect(code).toBe(1);
  expect(output).toEqual(['cannot run']);
});
