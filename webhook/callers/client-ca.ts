import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { readCertificate, splitBundle } from '../../kube/server/certificates.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';

/** The interval of reads. A kubelet updates a mounted file about once a minute. */
const POLL_MS = 10_000;

/**
 * Reads the CA of the API server's client certificate, in PEM.
 *
 * @throws Error if the file cannot be read or contains no certificate
 */
export async function readClientCa(file: string): Promise<string> {
  const bundle = await readFile(file, 'utf8');
  const certificates = splitBundle(bundle);
  if (certificates.length > 0 && certificates.every((each) => readCertificate(each) !== undefined)) return bundle;
  throw new Error(
    `The file ${file} contains no certificate. Write the CA of the API server's client certificate into it.`,
  );
}

/** Reads the file until the signal fires, and calls `onChange` with each new content. A bad one changes nothing. */
export async function watchClientCa(
  onChange: (ca: string) => void,
  watch: {
    /** Absent if no certificate is demanded: then there is nothing to watch. */
    readonly file: string | undefined;
    /** The content that is in use. */
    readonly ca: string | undefined;
    readonly logger: Logger;
    readonly clock: Clock;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { file, logger, clock, signal } = watch;
  let { ca } = watch;
  if (file === undefined) return;
  for (;;) {
    await sleep(POLL_MS, clock, signal);
    if (signal.aborted) return;
    try {
      const next = await readClientCa(file);
      if (next === ca) continue;
      ca = next;
      onChange(ca);
      logger.info({ file }, 'uses a new CA for client certificates');
    } catch (error) {
      logger.warn({ err: error, file }, 'cannot read the CA of client certificates, trying again');
    }
  }
}
