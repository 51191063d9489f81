import type { ComponentChildren } from 'preact';
import type { MissingPart } from '../../api/console.ts';
import type { CallError } from './client.ts';
import { useConsole } from './context.ts';

type Kind = 'info' | 'warning' | 'error';

export function Notice({ kind, children }: { readonly kind: Kind; readonly children: ComponentChildren }) {
  return (
    <div class={`notice ${kind}`} role={kind === 'error' ? 'alert' : 'note'}>
      {children}
    </div>
  );
}

/** Shows why a call failed. Temporary failures are in the banner of the page. */
export function Failure({ failure }: { readonly failure: CallError | undefined }) {
  if (failure === undefined || failure.isTemporary) return null;
  return <Notice kind="error">{failure.message}</Notice>;
}

/** Says which parts of a page this user cannot see, why, and what to do. */
export function Missing({ parts }: { readonly parts: readonly MissingPart['part'][] }) {
  const { about } = useConsole();
  const missing = about?.missing.filter(({ part }) => parts.includes(part)) ?? [];
  return (
    <>
      {missing.map(({ part, why, nextStep }) => (
        <Notice key={part} kind="warning">
          {why} {nextStep}
        </Notice>
      ))}
    </>
  );
}

/** Stands where data will be, in the size of a line. */
export function Loading({ what }: { readonly what: string }) {
  return (
    <p class="loading" role="status">
      Loading {what}…
    </p>
  );
}
