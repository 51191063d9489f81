import { ANNOTATIONS } from './names.ts';

/** A longer name is cut: everybody can write one, and each is stored with every address. */
const LONGEST_SEGMENT = 63;

/**
 * Returns the segment that a NetworkAttachmentDefinition names. Interfaces in different segments never meet, so they may have
 * equal addresses. Empty: the segment of all networks that name none.
 */
export function segmentOf(
  metadata: { readonly annotations?: Readonly<Record<string, string>> | undefined } | undefined,
): string {
  return (metadata?.annotations?.[ANNOTATIONS.segment] ?? '').slice(0, LONGEST_SEGMENT);
}
