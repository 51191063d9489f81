import { useConsole } from './context.ts';
import { formatDateTime, formatRelative } from './format.ts';

/** Shows a moment by its distance, with the exact time as its title, or both with `exact`. */
export function Moment({ at, exact = false }: { readonly at: string; readonly exact?: boolean }) {
  const { now } = useConsole();
  const absolute = formatDateTime(at);
  return (
    <time dateTime={at} title={absolute}>
      {exact ? `${absolute} (${formatRelative(at, now)})` : formatRelative(at, now)}
    </time>
  );
}
