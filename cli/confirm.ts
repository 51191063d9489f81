import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

interface Streams {
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly write: (text: string) => void;
}

/** Asks the user for a yes, and takes anything else for a no. Returns `undefined` if there is no terminal to ask at. */
export async function confirm(question: string, { input, write }: Streams): Promise<boolean | undefined> {
  if (input.isTTY !== true) return undefined;
  write(`${question} [y/N] `);
  const lines = createInterface({ input, terminal: false });
  for await (const line of lines) return /^y(es)?$/i.test(line.trim());
  return false; // the end of the input
}
