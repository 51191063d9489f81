import type { WriteStream } from 'node:tty';

/** Tells a person at a terminal what happens, and lets no wait be silent. */
export interface Reporter {
  say(text: string): void;
  title(text: string): void;
  /** A line of somebody else's progress, under the step that runs. */
  note(text: string): void;
  /** Shows a command as the person could type it, then what it printed. */
  command(line: string, run: () => Promise<string>): Promise<void>;
  /** Names a wait, shows that it goes on, and how long it took. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
}

const TICK_MS = 1_000;

/** On a terminal a step's line counts its seconds; in a pipe it is written when it begins and when it ends. */
export function createReporter(out: Pick<WriteStream, 'write'> & { readonly isTTY?: boolean }): Reporter {
  const live = out.isTTY === true;
  const say = (text: string): void => {
    out.write(`${text}\n`);
  };
  let waiting: string | undefined;
  const redraw = (line: string): void => {
    out.write(`\r\u001b[K${line}`);
  };

  return {
    say,
    title: (text) => {
      say(`\n${live ? `\u001b[1m${text}\u001b[0m` : text}\n`);
    },
    note: (text) => {
      if (live && waiting !== undefined) redraw('');
      say(`      ${text}`);
      if (live && waiting !== undefined) redraw(waiting);
    },
    command: async (line, run) => {
      say(`  $ ${line}`);
      const printed = (await run()).trimEnd();
      for (const row of printed === '' ? ['(nothing)'] : printed.split('\n')) say(`  ${row}`);
      say('');
    },
    step: async (name, work) => {
      const started = Date.now();
      const seconds = (): string => `${((Date.now() - started) / 1000).toFixed(live ? 0 : 1)} s`;
      if (!live) say(`  … ${name}`);
      const show = (): void => {
        waiting = `  … ${name} (${seconds()})`;
        redraw(waiting);
      };
      if (live) show();
      const timer = live ? setInterval(show, TICK_MS) : undefined;
      try {
        const result = await work();
        if (live) redraw('');
        say(`  ✓ ${name} (${seconds()})`);
        return result;
      } finally {
        clearInterval(timer);
        waiting = undefined;
      }
    },
  };
}
