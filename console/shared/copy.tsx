import { useState } from 'preact/hooks';

const SHOWN_MS = 1_500;

/** Copies a text to the clipboard. */
export function CopyButton({ text, label }: { readonly text: string; readonly label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard.writeText(text).then(() => {
      setCopied(true);
      setTimeout(() => {
        setCopied(false);
      }, SHOWN_MS);
    });
  };
  return (
    <button type="button" class="copy" onClick={copy} aria-label={`Copy ${label}`} title={`Copy ${label}`}>
      {copied ? 'Copied' : 'Copy'}
    </button>
  );
}

/** A command to paste into a shell. */
export function CommandLine({ command, label }: { readonly command: string; readonly label: string }) {
  return (
    <div class="command">
      <code tabIndex={0} role="group" aria-label={label}>
        {command}
      </code>
      <CopyButton text={command} label={label} />
    </div>
  );
}
