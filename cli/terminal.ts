import type { Readable } from 'node:stream';
import { confirm } from './confirm.ts';
import { INVISIBLE } from './output/invisible.ts';

/** Where a command writes, and what the reader's terminal supports. */
export interface Terminal {
  /** Prints a line of data to stdout. */
  readonly print: (line: string) => void;
  /** Prints data to stdout as it is, without a line end. */
  readonly write: (text: string) => void;
  /** Prints a line for the user to stderr, to keep stdout to data. */
  readonly notify: (line: string) => void;
  /** Shows a line of progress on stderr until the next line replaces it. Does nothing unless stderr is a terminal. */
  readonly progress: (line: string) => void;
  /** Asks a question on stderr. Returns whether the user says yes, or `undefined` if there is no terminal to ask at. */
  readonly confirm: (question: string) => Promise<boolean | undefined>;
  /** Whether stdout is a terminal: then bars are shown, and colours unless NO_COLOR is set. */
  readonly interactive: boolean;
  readonly colours: boolean;
  /** The width in characters now. */
  readonly columns: number;
}

type Output = Pick<NodeJS.WriteStream, 'write'> & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

/** Without an `input`, nobody can be asked. */
export function createTerminal(
  stdout: Output,
  stderr: Output,
  env: NodeJS.ProcessEnv,
  input?: Readable & { readonly isTTY?: boolean },
): Terminal {
  let progressShown = false;
  const clearProgress = () => {
    if (progressShown) stderr.write('\r\x1b[K');
    progressShown = false;
  };
  const interactive = stdout.isTTY === true && env['TERM'] !== 'dumb';
  return {
    interactive,
    get columns() {
      return stdout.columns ?? 80;
    },
    // https://no-color.org: any non-empty value disables colours.
    colours: interactive && (env['NO_COLOR'] ?? '') === '',
    print: (line) => {
      clearProgress();
      stdout.write(`${line}\n`);
    },
    write: (text) => {
      clearProgress();
      stdout.write(text);
    },
    notify: (line) => {
      clearProgress();
      // Error messages quote untrusted names, so control characters and invisible ones are removed. Newlines and tabs are
      // our own.
      stderr.write(`${line.replaceAll(/[^\P{Cc}\n\t]/gu, '').replaceAll(INVISIBLE, '')}\n`);
    },
    confirm: async (question) => {
      clearProgress();
      return input === undefined || stderr.isTTY !== true
        ? undefined
        : await confirm(question, { input, write: (text) => stderr.write(text) });
    },
    progress: (line) => {
      if (stderr.isTTY !== true || env['TERM'] === 'dumb') return;
      stderr.write(`\r\x1b[K${line}`);
      progressShown = true;
    },
  };
}
