import { useState } from 'preact/hooks';
import { CallError, type NamedFile, type Query } from '../shared/client.ts';
import { useConsole } from '../shared/context.ts';
import { Notice } from '../shared/notice.tsx';

const FORMATS = ['csv', 'json'] as const;
type Format = (typeof FORMATS)[number];

/** Download what is filtered. A link could not send the header of the session, so the page stores the file itself. */
export function DownloadButtons({ query }: { readonly query: Query }) {
  const { client } = useConsole();
  const [running, setRunning] = useState<Format>();
  const [failure, setFailure] = useState<string>();
  const download = (format: Format) => {
    setRunning(format);
    setFailure(undefined);
    void client
      .file(`/api/audit.${format}`, query)
      .then(store)
      .catch((error: unknown) => {
        if (!(error instanceof CallError)) throw error;
        setFailure(error.message);
      })
      .finally(() => {
        setRunning(undefined);
      });
  };
  return (
    <>
      {FORMATS.map((format) => (
        <button
          key={format}
          type="button"
          disabled={running !== undefined}
          onClick={() => {
            download(format);
          }}
        >
          {running === format ? 'Loading…' : `Download ${format.toUpperCase()}`}
        </button>
      ))}
      {failure === undefined ? null : <Notice kind="error">Nothing is downloaded. {failure}</Notice>}
    </>
  );
}

function store({ name, content }: NamedFile): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to store it by then.
  setTimeout(() => {
    URL.revokeObjectURL(url);
  }, 10_000);
}
