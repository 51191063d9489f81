import { z } from 'zod';

/** A node of the OpenAPI v3 schema of a CustomResourceDefinition. */
export interface StructuralSchema {
  [keyword: string]: unknown;
  properties?: Record<string, StructuralSchema>;
  items?: StructuralSchema;
  additionalProperties?: StructuralSchema;
}

/**
 * Keywords that a structural schema must not contain
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema),
 * or that zod and the API server interpret differently. A type that needs one must be written differently.
 */
const FORBIDDEN = ['$ref', '$schema', 'anyOf', 'oneOf', 'allOf', 'not', 'uniqueItems', 'patternProperties', 'const'];

/** Converts a zod type to the schema of a CustomResourceDefinition. Throws if the API server would refuse it. */
export function toStructuralSchema(type: z.ZodType): StructuralSchema {
  return clean(z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input', reused: 'inline' }) as StructuralSchema, '');
}

function clean(schema: StructuralSchema, path: string): StructuralSchema {
  for (const keyword of FORBIDDEN) {
    if (keyword in schema) throw new Error(`${path || 'the schema'} uses ${keyword}, which a CRD must not contain`);
  }
  const { properties, items, additionalProperties, ...rest } = schema;
  const cleaned: StructuralSchema = withoutNoise(rest);
  if (properties !== undefined) {
    cleaned.properties = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, clean(property, `${path}.${name}`)]),
    );
  }
  if (items !== undefined) cleaned.items = clean(items, `${path}[]`);
  // Beside properties it expresses zod's strictness, for which a structural schema uses pruning.
  if (properties === undefined && typeof additionalProperties === 'object') {
    cleaned.additionalProperties = clean(additionalProperties, `${path}{}`);
  }
  return cleaned;
}

/** Removes zod's bounds of safe integers and its types of map keys, which have no use in a CRD. */
function withoutNoise(schema: StructuralSchema): StructuralSchema {
  return Object.fromEntries(
    Object.entries(schema).filter(
      ([keyword, value]) =>
        keyword !== 'propertyNames' &&
        !(keyword === 'maximum' && value === Number.MAX_SAFE_INTEGER) &&
        !(keyword === 'minimum' && value === Number.MIN_SAFE_INTEGER),
    ),
  );
}
