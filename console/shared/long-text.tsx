import { formatCount } from './format.ts';
import { Name } from './name.tsx';

/** A longer text would push everything after it out of sight. */
const MOST_CHARACTERS = 400;
const SHOWN_CHARACTERS = 100;

/** Shows a text that somebody else chose. Of a long one, the beginning, until somebody opens it. */
export function LongText({ text }: { readonly text: string }) {
  if (text.length <= MOST_CHARACTERS) return <Name text={text} />;
  const beginning = text.slice(0, SHOWN_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '');
  return (
    <details>
      <summary>
        <Name text={beginning} />… <span class="muted">{formatCount(text.length, 'character')}</span>
      </summary>
      <Name text={text} />
    </details>
  );
}
