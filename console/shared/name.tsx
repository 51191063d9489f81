import { visibleParts } from '../../api/visible-text.ts';

/**
 * Shows a text that somebody else chose, as text. Characters that nobody sees are named, and direction marks do not reorder
 * what stands around.
 */
export function Name({ text }: { readonly text: string }) {
  const parts = visibleParts(text);
  if (parts.every(({ hidden }) => !hidden)) return <bdi>{text}</bdi>;
  return (
    <bdi>
      {parts.map((part, index) =>
        part.hidden ? (
          <span key={index} class="hidden-character" title="a character that is not visible">
            {part.text}
          </span>
        ) : (
          part.text
        ),
      )}
    </bdi>
  );
}
