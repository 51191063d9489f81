import type { CallError } from './shared/client.ts';

/** Says while the ledger or the server does not answer. The data on the page stays, and it is loaded again by itself. */
export function Banner({ failure }: { readonly failure: CallError | undefined }) {
  // The region is always there: a screen reader reports only changes of one that it knows.
  return (
    <div class="banner" role="status" aria-live="polite">
      {failure === undefined || (!failure.isTemporary && failure.status !== 401) ? null : (
        <div class="banner-text">
          <strong>{title(failure)}</strong> {failure.message}
          {failure.isTemporary ? ' What you see is older. This page tries again every two seconds.' : ''}
        </div>
      )}
    </div>
  );
}

function title({ status }: CallError): string {
  if (status === 401) return 'No session.';
  return status === 0 ? 'No connection.' : 'No answer from the ledger.';
}
