import { shownParts } from './shown-parts.ts';

/**
 * Shows a text that somebody else chose, as text. Characters that nobody sees are named, direction marks do not reorder
 * what stands around, and accents do not cover it.
 */
export function Name({ text }: { readonly text: string }) {
  const parts = shownParts(text);
  if (parts.every(({ hidden }) => !hidden)) return <bdi>{text}</bdi>;
  return (
    <bdi>
      {parts.map((part, index) =>
        part.hidden ? (
          <span key={index} class="hidden-character" title="not shown as it is">
            {part.text}
          </span>
        ) : (
          part.text
        ),
      )}
    </bdi>
  );
}
