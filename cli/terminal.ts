/** Where a command writes, and what it may assume of who reads it. */
export interface Terminal {
  /** A line of data: stdout. */
  readonly print: (line: string) => void;
  /** A line for a person: stderr, so that pipes carry data alone. */
  readonly tell: (line: string) => void;
  /** A line of progress on a person's terminal, overwritten by the next; nothing in a pipe. */
  readonly progress: (line: string) => void;
  /** Whether data goes to a person's terminal: bars, and colours unless NO_COLOR asks for none. */
  readonly interactive: boolean;
  readonly colours: boolean;
  /** Characters in a line of help. */
  readonly columns: number;
}

type Output = Pick<NodeJS.WriteStream, 'write'> & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

export function createTerminal(stdout: Output, stderr: Output, env: NodeJS.ProcessEnv): Terminal {
  let open = false;
  const close = () => {
    if (open) stderr.write('\r\x1b[K');
    open = false;
  };
  const interactive = stdout.isTTY === true && env['TERM'] !== 'dumb';
  return {
    interactive,
    columns: stdout.columns ?? 80,
    // https://no-color.org: any value that is not empty.
    colours: interactive && (env['NO_COLOR'] ?? '') === '',
    print: (line) => {
      close();
      stdout.write(`${line}\n`);
    },
    tell: (line) => {
      close();
      // What an error quotes may be anything; lines and tabs are ours too.
      stderr.write(`${line.replaceAll(/[^\P{Cc}\n\t]/gu, '')}\n`);
    },
    progress: (line) => {
      if (stderr.isTTY !== true || env['TERM'] === 'dumb') return;
      stderr.write(`\r\x1b[K${line}`);
      open = true;
    },
  };
}
