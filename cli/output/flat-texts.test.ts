import fc from 'fast-check';
import { expect, test } from 'vitest';
import { flatTexts } from './flat-texts.ts';

test('fields and the fields of objects become texts with names in snake case', () => {
  const address = {
    ...{ mac: 'a4:58:0f:01:00:00', generation: 2, observed: false, expiresAt: undefined, releasedAt: null },
    device: { id: 'web', type: 'qemu-vm' },
    metadata: { rackName: 'a7', disks: ['a', 'b'] },
    history: [{ at: 'now' }],
  };
  expect({ ...flatTexts(address) }).toEqual({
    ...{ mac: 'a4:58:0f:01:00:00', generation: '2', observed: 'false' },
    ...{ device_id: 'web', device_type: 'qemu-vm' },
    ...{ metadata_rackName: 'a7', metadata_disks: '["a","b"]' },
    history: '[{"at":"now"}]',
  });
});

test('whatever the metadata is, every value is a text and no key of it is lost', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), (metadata) => {
      const printed = JSON.parse(JSON.stringify(flatTexts({ mac: 'a', metadata }))) as Record<string, unknown>;
      expect(Object.values(printed).every((value) => typeof value === 'string')).toBe(true);
      const keys = Object.keys(metadata).filter((key) => metadata[key] !== null);
      expect(new Set(Object.keys(printed))).toEqual(new Set(['mac', ...keys.map((key) => `metadata_${key}`)]));
    }),
  );
});
