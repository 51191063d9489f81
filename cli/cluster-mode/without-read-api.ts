import { type CommandRefusal, commandRefusal } from '../errors.ts';
import type { ReadApiUnavailable } from './ledger-reader.ts';

/** Returns why something is missing that only the read API has, and what to do. `what` begins the sentence. */
export function withoutReadApi(what: string, { message, forbidden }: ReadApiUnavailable): CommandRefusal {
  return commandRefusal(
    `${what} needs the ledger's read API, which cannot be used (${message}).`,
    forbidden
      ? 'Ask for the ClusterRole rock-mac-auditor.'
      : 'See `kubectl get apiservice v1alpha1.ledger.mac.rock-os.io` and the log of the operator.',
    forbidden ? 'forbidden' : 'unavailable',
  );
}
