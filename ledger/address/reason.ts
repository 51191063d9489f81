import { MAX_REASON_OCTETS } from '../../api/reason.ts';
import { storableText } from '../column-schemas.ts';
import { requireValid } from './validate.ts';

/** Throws BAD_REQUEST for a reason that the audit does not keep. */
export function requireReason(reason: string): void {
  requireValid(storableText(MAX_REASON_OCTETS), reason, 'The reason');
}
