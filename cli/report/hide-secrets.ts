import { redactUrls } from '../../ledger/errors.ts';

const REMOVED = '(removed)';

/** The words for a secret in the names of settings, of flags and of fields. */
const SECRET = String.raw`passw(?:or)?d|passphrase|\bpwd|secret|token|api[-_]?key|access[-_]?key`;

/** Fields whose values are secret, whatever they contain. Annotations with our tokens are among them. */
const SECRET_FIELD = new RegExp(
  String.raw`${SECRET}|\b(?:pass|auth|key)\b|credential|private|ticket|bundle|authorization|cookie|last-applied-configuration`,
  'i',
);

/** A field like `tokenFile` or `passwordKey` names where a secret is. */
const PLACE_OF_SECRET = /(file|name|namespace|path)$/i;

/** A flag whose secret is the next argument. */
const SECRET_FLAG = new RegExp(String.raw`^--?[\w-]*(?:${SECRET})$`, 'i');

/** Secrets in the midst of a text, such as a log line. */
const SECRET_TEXTS = [
  // Keys and certificates, also in base64 as Secrets have them, and tokens of Kubernetes.
  /-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|$)/g,
  /\bLS0tLS1CRUdJTi[\w+/=]*/g,
  /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g,
  /(?<=\b(?:bearer|basic|digest|negotiate)\s+)[\w.~+/=-]{8,}/gi,
  /(?<=\bcookie["']?\s*:\s*)[^\r\n"']+/gi,
  // `password=…` and `"password": "…"`, also in a JSON text inside another one. Then `--password …`.
  new RegExp(
    String.raw`(?<=(?:${SECRET})\\?["']?\s*[=:]\s*)(?:\\?"(?:[^"\\]|\\[^"])*\\?"?|'[^']*'?|[^\s"',;&\\]+)`,
    'gi',
  ),
  new RegExp(String.raw`(?<=(?:^|\s)--?[\w-]*(?:${SECRET})\s+)[^\s"',;-][^\s"',;]*`, 'gi'),
  // The user of a URL too: it often names a person.
  /(?<=\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+(?=@)/gi,
];

/** Returns a text without anything that looks like a secret. */
export function hideSecretsInText(text: string): string {
  return SECRET_TEXTS.reduce((left, secret) => left.replaceAll(secret, REMOVED), redactUrls(text));
}

/** Returns a value without the fields that are secret, and without secrets in its texts, at every depth. */
export function hideSecrets(value: unknown): unknown {
  return hide(value, hideSecretsInText);
}

function hide(value: unknown, hideText: (text: string) => string): unknown {
  if (typeof value === 'string') return hideText(value);
  if (Array.isArray(value)) {
    return value.map((item: unknown, at) => hide(item, isSecretFlag(value[at - 1]) ? remove : hideText));
  }
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  // The name of a variable of a container is beside its value.
  const variable = 'name' in value && typeof value.name === 'string' ? value.name : '';
  return Object.fromEntries(
    Object.entries(value).map(([field, each]) => {
      const isHidden = isSecret(field) || (field === 'value' && isSecret(variable));
      return [field, hide(each, isHidden ? remove : PLACE_OF_SECRET.test(field) ? hideSecretsInText : hideText)];
    }),
  );
}

function remove(): string {
  return REMOVED;
}

function isSecret(field: string): boolean {
  return SECRET_FIELD.test(field) && !PLACE_OF_SECRET.test(field);
}

function isSecretFlag(argument: unknown): boolean {
  return typeof argument === 'string' && SECRET_FLAG.test(argument);
}
