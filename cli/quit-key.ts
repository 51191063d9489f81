import type { ReadStream } from 'node:tty';

/** Waits for a key while a command fills the screen. */
export interface QuitKey {
  readonly signal: AbortSignal;
  /** Restores the keyboard. */
  stop(): void;
}

/** Ctrl-C is a key like others while the terminal is in raw mode. */
const QUIT_KEYS = ['q', 'Q', '\x03'];

/** Aborts `signal` at q or Ctrl-C. Does nothing unless the input is a terminal. */
export function watchQuitKey(
  input: Pick<ReadStream, 'isTTY' | 'setRawMode' | 'on' | 'off' | 'resume' | 'pause'>,
): QuitKey {
  const controller = new AbortController();
  const onData = (data: Buffer | string): void => {
    if (QUIT_KEYS.some((key) => data.toString().includes(key))) controller.abort();
  };
  const hasKeys = (input.isTTY as boolean | undefined) === true;
  if (hasKeys) {
    input.setRawMode(true);
    input.on('data', onData);
    input.resume();
  }
  return {
    signal: controller.signal,
    stop: () => {
      if (!hasKeys) return;
      input.off('data', onData);
      input.setRawMode(false);
      input.pause();
    },
  };
}
