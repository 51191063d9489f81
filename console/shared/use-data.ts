import { useEffect, useRef, useState } from 'preact/hooks';
import { CallError } from './client.ts';

export interface Data<T> {
  /** The last value. It stays while a later call fails. */
  readonly value: T | undefined;
  /** Why the last call failed. */
  readonly failure: CallError | undefined;
  readonly reload: () => void;
}

interface State<T> {
  readonly key: string | undefined;
  readonly value?: T;
  readonly failure?: CallError | undefined;
}

/** After a temporary failure, a call is repeated until it succeeds. */
const RETRY_MS = 2_000;

/**
 * Loads a value for a key, and again every `refreshMs` while the page is visible. A new key forgets the value; `undefined`
 * loads nothing.
 */
export function useData<T>(
  key: string | undefined,
  load: (signal: AbortSignal) => Promise<T>,
  { refreshMs }: { readonly refreshMs?: number } = {},
): Data<T> {
  const [state, setState] = useState<State<T>>({ key });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    if (key === undefined) return;
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (afterMs: number | undefined) => {
      if (afterMs === undefined || controller.signal.aborted) return;
      timer = setTimeout(() => {
        if (document.hidden) again(afterMs);
        else run();
      }, afterMs);
    };
    const run = () => {
      latest.current(controller.signal).then(
        (value) => {
          if (controller.signal.aborted) return;
          setState({ key, value });
          again(refreshMs);
        },
        (error: unknown) => {
          if (controller.signal.aborted) return;
          const failure = error instanceof CallError ? error : new CallError(500, String(error));
          setState((before) => ({ ...(before.key === key ? before : { key }), failure }));
          again(failure.isTemporary ? RETRY_MS : undefined);
        },
      );
    };
    run();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [key, round, refreshMs]);

  const current: State<T> = state.key === key ? state : { key };
  return {
    value: current.value,
    failure: current.failure,
    reload: () => {
      setRound((before) => before + 1);
    },
  };
}
