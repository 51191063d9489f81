/**
 * Returns the fields of a JSON object as texts, because Terraform's external data source accepts nothing else
 * (https://registry.terraform.io/providers/hashicorp/external/latest/docs/data-sources/external). Names are in snake case. The
 * fields of an object become `<name>_<field>`, so that a configuration can write `result.device_id`. What lies deeper, and lists,
 * become JSON. Absent fields are left out.
 */
export function flatTexts(value: object): Record<string, string> {
  // An object without a prototype, because a key may be `__proto__`.
  const texts = Object.create(null) as Record<string, string>;
  for (const [name, field] of Object.entries(value)) {
    const start = snakeCase(name);
    if (!isObject(field)) add(texts, start, field);
    // The keys of metadata are the user's own, so they stay as they are. Those of rock-mac are in camel case.
    else
      for (const [key, inner] of Object.entries(field))
        add(texts, `${start}_${name === 'metadata' ? key : snakeCase(key)}`, inner);
  }
  return texts;
}

function add(texts: Record<string, string>, name: string, field: unknown): void {
  if (field === null || field === undefined) return;
  texts[name] = typeof field === 'string' ? field : JSON.stringify(field);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`);
}
