import { z } from 'zod';

/** A node of an OpenAPI v3 schema as a CustomResourceDefinition takes it. */
export interface StructuralSchema {
  [keyword: string]: unknown;
  properties?: Record<string, StructuralSchema>;
  items?: StructuralSchema;
  additionalProperties?: StructuralSchema;
}

/**
 * Keywords that a structural schema may not use
 * (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema),
 * or whose meaning would differ between zod and the API server. A type that needs one must be written in another way.
 */
const FORBIDDEN = ['$ref', '$schema', 'anyOf', 'oneOf', 'allOf', 'not', 'uniqueItems', 'patternProperties', 'const'];

/** Turns a zod type into the schema of a CustomResourceDefinition; throws where the API server would refuse it. */
export function toStructuralSchema(type: z.ZodType): StructuralSchema {
  return clean(z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input', reused: 'inline' }) as StructuralSchema, '');
}

function clean(schema: StructuralSchema, path: string): StructuralSchema {
  for (const keyword of FORBIDDEN) {
    if (keyword in schema) throw new Error(`${path || 'the schema'} uses ${keyword}, which a CRD may not have`);
  }
  const { properties, items, additionalProperties, ...rest } = schema;
  const cleaned: StructuralSchema = withoutNoise(rest);
  if (properties !== undefined) {
    cleaned.properties = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name, clean(property, `${path}.${name}`)]),
    );
  }
  if (items !== undefined) cleaned.items = clean(items, `${path}[]`);
  // Beside properties it is zod's strictness, which a structural schema expresses by pruning instead.
  if (properties === undefined && typeof additionalProperties === 'object') {
    cleaned.additionalProperties = clean(additionalProperties, `${path}{}`);
  }
  return cleaned;
}

/** zod bounds every integer by what a double holds exactly, and types the keys of a map: in a CRD both are noise. */
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
