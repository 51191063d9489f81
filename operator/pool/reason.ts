import { ANNOTATIONS } from '../../api/names.ts';
import { readReason } from '../../api/reason.ts';
import type { MacPool } from '../../kube/client/mac-resources.ts';

/** Returns why somebody changed a MacPool, for the audit. Empty if nobody says it. */
export function reasonOf({ metadata }: MacPool): string {
  return readReason(metadata.annotations?.[ANNOTATIONS.reason]) ?? '';
}
