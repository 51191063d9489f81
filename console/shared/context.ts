import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { About } from '../../api/console.ts';
import type { Client } from './client.ts';

/** What every part of the page uses. */
export interface Console {
  readonly client: Client;
  /** `undefined` until the first answer. */
  readonly about: About | undefined;
  /** The current time; it moves on every ten seconds. */
  readonly now: Date;
}

export const ConsoleContext = createContext<Console | undefined>(undefined);

export function useConsole(): Console {
  const console = useContext(ConsoleContext);
  if (console === undefined) throw new Error('no ConsoleContext');
  return console;
}
