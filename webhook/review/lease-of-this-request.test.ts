import { expect, test } from 'vitest';
import { ANNOTATIONS } from '../../api/names.ts';
import { leaseOfThisRequest } from './lease-of-this-request.ts';

const annotations = { [ANNOTATIONS.lease]: 'l1', other: 'x' };
const recordOf = (...names: readonly string[]) => ({
  manager: 'kubectl',
  fieldsV1: { 'f:metadata': { 'f:annotations': Object.fromEntries(names.map((name) => [`f:${name}`, {}])) } },
});

test.each([
  ['came with the request of a copy', [recordOf('other', ANNOTATIONS.lease)], undefined],
  ['did not come with the request', [recordOf('other')], 'l1'],
  ['did not come with a request without annotations', [{ fieldsV1: { 'f:spec': {} } }], 'l1'],
  ['is in one of several records', [recordOf('other'), recordOf(ANNOTATIONS.lease)], undefined],
  ['cannot be found in an empty record', [], undefined],
  ['cannot be found without a record', undefined, undefined],
  ['cannot be found in a record of another form', [{ fieldsV1: 'f:metadata' }], undefined],
  ['cannot be found in a record without fields', [{ fieldsV1: undefined }], undefined],
])('a lease id %s', (_case, managedFields, wanted) => {
  expect(leaseOfThisRequest({ annotations, managedFields })).toBe(wanted);
});

test('an object without a lease id has none', () => {
  expect(leaseOfThisRequest({ annotations: {}, managedFields: [recordOf()] })).toBeUndefined();
  expect(leaseOfThisRequest(undefined)).toBeUndefined();
});
