import type { WriteStream } from 'node:tty';

/** Reports the progress of a script to a person, and shows that each wait goes on. */
export interface Reporter {
  print(text: string): void;
  title(text: string): void;
  /** Prints a log line of another component below the current step. */
  note(text: string): void;
  /** Prints a command as a person would type it, then its output. */
  command(line: string, run: () => Promise<string>): Promise<void>;
  /** Runs `work`, and prints its name, its progress and its duration. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
}

const TICK_MS = 1_000;

/** On a terminal the line of a step counts seconds. In a pipe a step prints one line at its start and one at its end. */
export function createReporter(out: Pick<WriteStream, 'write'> & { readonly isTTY?: boolean }): Reporter {
  const live = out.isTTY === true;
  const print = (text: string): void => {
    out.write(`${text}\n`);
  };
  let waiting: string | undefined;
  const redraw = (line: string): void => {
    out.write(`\r\u001b[K${line}`);
  };

  return {
    print,
    title: (text) => {
      print(`\n${live ? `\u001b[1m${text}\u001b[0m` : text}\n`);
    },
    note: (text) => {
      if (live && waiting !== undefined) redraw('');
      print(`      ${text}`);
      if (live && waiting !== undefined) redraw(waiting);
    },
    command: async (line, run) => {
      print(`  $ ${line}`);
      const printed = (await run()).trimEnd();
      for (const row of printed === '' ? ['(nothing)'] : printed.split('\n')) print(`  ${row}`);
      print('');
    },
    step: async (name, work) => {
      const started = Date.now();
      const seconds = (): string => `${((Date.now() - started) / 1000).toFixed(live ? 0 : 1)} s`;
      if (!live) print(`  … ${name}`);
      const show = (): void => {
        waiting = `  … ${name} (${seconds()})`;
        redraw(waiting);
      };
      if (live) show();
      const timer = live ? setInterval(show, TICK_MS) : undefined;
      try {
        const result = await work();
        if (live) redraw('');
        print(`  ✓ ${name} (${seconds()})`);
        return result;
      } finally {
        clearInterval(timer);
        waiting = undefined;
      }
    },
  };
}
