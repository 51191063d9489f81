import { redactUrls } from '../../ledger/errors.ts';

const REMOVED = '(removed)';

/** Fields whose values are secret, whatever they contain. Annotations with our tokens are among them. */
const SECRET_FIELD =
  /passw|secret|token|credential|private|ticket|bundle|\bkey\b|authorization|cookie|last-applied-configuration/i;

/** A field like `tokenFile` or `passwordKey` names where a secret is. */
const PLACE_OF_SECRET = /(file|name|namespace|path)$/i;

/** Secrets in the midst of a text, such as a log line: keys and certificates, tokens of Kubernetes, and `password=…` in any notation. */
const SECRET_TEXTS = [
  /-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|$)/g,
  /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g,
  /(?<=\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}/gi,
  /(?<=(?:passw(?:or)?d|secret|token)["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi,
  // The user of a URL too: it often names a person.
  /(?<=\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+(?=@)/gi,
];

/** Returns a text without anything that looks like a secret. */
export function hideSecretsInText(text: string): string {
  return SECRET_TEXTS.reduce((left, secret) => left.replaceAll(secret, REMOVED), redactUrls(text));
}

/** Returns a value without the fields that are secret, and without secrets in its texts, at every depth. */
export function hideSecrets(value: unknown): unknown {
  if (typeof value === 'string') return hideSecretsInText(value);
  if (Array.isArray(value)) return value.map(hideSecrets);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  return Object.fromEntries(
    Object.entries(value).map(([field, each]) => [field, isSecret(field, each) ? REMOVED : hideSecrets(each)]),
  );
}

function isSecret(field: string, value: unknown): boolean {
  return typeof value === 'string' && SECRET_FIELD.test(field) && !PLACE_OF_SECRET.test(field);
}
