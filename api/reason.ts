import { isVisible, VISIBLE_IN_CEL } from './visible-text.ts';

/** The limit of the ledger for what somebody says about a change. */
export const MAX_REASON_OCTETS = 1_024;

/** Returns why somebody makes a change, for the audit, or `undefined` for a text that it does not keep. */
export function readReason(text: string | undefined): string | undefined {
  const trimmed = text?.trim() ?? '';
  const isKept = trimmed !== '' && isVisible(trimmed) && Buffer.byteLength(trimmed) <= MAX_REASON_OCTETS;
  return isKept ? trimmed : undefined;
}

/** Returns an expression in CEL that holds for a text that `readReason` accepts, except for spaces around it. */
export function isReasonInCel(text: string): string {
  return `bytes(${text}).size() <= ${String(MAX_REASON_OCTETS)} && ${text}.matches(${VISIBLE_IN_CEL})`;
}
