import { type TextPart, visibleParts } from '../../api/visible-text.ts';
import { formatCount } from './format.ts';

/** Usual texts of every script have fewer marks on one character. More would be drawn over the lines above and below. */
const PILE = /((?<=\p{M}{4})\p{M}+)/u;

/** Splits a text at what the page names in place of showing it: characters that nobody sees, and piles of accents and other marks. */
export function shownParts(text: string): TextPart[] {
  return visibleParts(text).flatMap((part) => (part.hidden ? [part] : withoutPiles(part.text)));
}

function withoutPiles(text: string): TextPart[] {
  return text
    .split(PILE)
    .map((part, index) =>
      index % 2 === 0
        ? { text: part, hidden: false }
        : { text: `+${formatCount(Array.from(part).length, 'mark')}`, hidden: true },
    )
    .filter((part) => part.text !== '');
}
