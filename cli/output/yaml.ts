import { Document, Scalar, visit } from 'yaml';
import { escapeInvisible, INVISIBLE } from './invisible.ts';

/** Words that YAML 1.1 reads as a boolean or as nothing, in any case. Many tools still read YAML 1.1. */
const WORDS = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

/** Numbers, times and operators of YAML begin with none of these. */
const BEGINS_LIKE_TEXT = /^[a-z_/]/i;

/** Returns YAML that readers of version 1.1 and of version 1.2 understand alike. */
export function toYaml(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string' && !isPlainText(node.value)) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  // Only double-quoted texts contain such characters.
  return escapeInvisible(document.toString({ lineWidth: 0 }).trimEnd(), (code) =>
    code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`,
  );
}

/** Returns whether every reader takes the text without quotes for a text. The library quotes what has a meaning inside. */
function isPlainText(text: string): boolean {
  return BEGINS_LIKE_TEXT.test(text) && !WORDS.test(text) && !/\p{Cc}/u.test(text) && text.search(INVISIBLE) < 0;
}
