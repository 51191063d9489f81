import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

/** The client certificate of a TLS connection. */
export interface Peer {
  /** Whether one of the server's CAs signed the certificate. */
  readonly trusted: boolean;
  readonly commonName: string | undefined;
}

export function peerOf({ socket }: Pick<IncomingMessage, 'socket'>): Peer {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return { trusted: false, commonName: undefined };
  const { CN: name } = socket.getPeerCertificate().subject;
  return { trusted: true, commonName: Array.isArray(name) ? name[0] : name };
}

/** Returns whether the peer has a trusted certificate with one of these common names. No names allow every trusted one. */
export function isAllowedPeer({ trusted, commonName }: Peer, allowedNames: readonly string[]): boolean {
  if (!trusted) return false;
  return allowedNames.length === 0 || (commonName !== undefined && allowedNames.includes(commonName));
}
