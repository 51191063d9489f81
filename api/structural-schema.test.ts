import { expect, test } from 'vitest';
import { z } from 'zod';
import { toStructuralSchema } from './structural-schema.ts';

test('keeps bounds, patterns, descriptions and CEL rules, and drops what a CRD must not contain', () => {
  const schema = toStructuralSchema(
    z
      .strictObject({ size: z.int().min(0), labels: z.record(z.string().max(3), z.string().regex(/^a/)).optional() })
      .meta({ description: 'A thing.', 'x-kubernetes-validations': [{ rule: 'self.size > 0' }] }),
  );
  expect(schema).toEqual({
    type: 'object',
    description: 'A thing.',
    required: ['size'],
    properties: {
      size: { type: 'integer', minimum: 0 },
      labels: { type: 'object', additionalProperties: { type: 'string', pattern: '^a' } },
    },
    'x-kubernetes-validations': [{ rule: 'self.size > 0' }],
  });
});

test('refuses a union, naming the field', () => {
  expect(() => toStructuralSchema(z.object({ port: z.union([z.string(), z.number()]) }))).toThrow(/\.port uses anyOf/);
});
