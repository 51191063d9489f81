import { z } from 'zod';
import { ANNOTATIONS } from '../../api/names.ts';
import type { AdmissionRequest } from './admission-review.ts';

type Metadata = NonNullable<NonNullable<AdmissionRequest['object']>['metadata']>;

const annotationFields = z.looseObject({
  'f:metadata': z.looseObject({ 'f:annotations': z.record(z.string(), z.unknown()).optional() }).optional(),
});

/**
 * Returns the lease id that an earlier admission of this very request wrote into a new object, or `undefined` if that is not
 * certain. The API server repeats an admission after another plugin changed the object.
 *
 * An object that was copied from a stored one has a lease id too, and must not get the addresses of that one. The API server
 * records in managedFields which fields came with the request, before any admission. A lease id that is not among them was
 * written by an admission. Without the record nothing is certain.
 */
export function leaseOfThisRequest(metadata: Metadata | undefined): string | undefined {
  const lease = metadata?.annotations?.[ANNOTATIONS.lease];
  const records = (metadata?.managedFields ?? []).map(({ fieldsV1 }) => annotationFields.safeParse(fieldsV1));
  const isRecorded = records.length > 0 && records.every(({ success }) => success);
  const cameAlong = records.some(({ data }) => {
    return data?.['f:metadata']?.['f:annotations']?.[`f:${ANNOTATIONS.lease}`] !== undefined;
  });
  return isRecorded && !cameAlong ? lease : undefined;
}
