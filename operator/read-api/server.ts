import type { KubeClient } from '../../kube/client/client.ts';
import { type ApiFacingServer, createApiFacingServer, tlsOptions } from '../../kube/server/api-facing-server.ts';
import type { KeyPair } from '../../kube/server/certificates.ts';
import { listen } from '../../kube/server/listen.ts';
import { watchFrontProxy } from './front-proxy.ts';
import type { ReadApiMetrics } from './metrics.ts';
import { createRequestListener, type ListenerDeps } from './request-listener.ts';

export interface ReadApiServerDeps extends Omit<ListenerDeps, 'frontProxy'> {
  readonly client: KubeClient;
  readonly metrics: ReadApiMetrics;
}

/** The HTTPS server of the read API. It accepts client certificates of the cluster's front proxy. */
export interface ReadApiServer {
  /** Starts to listen with this certificate. */
  listen(servingPair: KeyPair, address: ListenAddress): Promise<void>;
  /** Replaces the certificate. Only for a server that listens. */
  serveWith(servingPair: KeyPair): void;
  /** Completes the requests in progress, then closes the server. */
  close(): Promise<void>;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Creates the server and starts to watch which clients it may trust. */
export function createReadApiServer({ client, ...deps }: ReadApiServerDeps): ReadApiServer {
  const { logger, metrics } = deps;
  let running: { readonly server: ApiFacingServer; servingPair: KeyPair } | undefined;
  const frontProxy = watchFrontProxy({ client, logger }, setTls);

  function tlsFor(servingPair: KeyPair) {
    // An empty list of CAs trusts nobody. Without a list, Node would trust every public CA.
    return { ...tlsOptions(servingPair, { ca: frontProxy.current()?.ca ?? [] }), requestCert: true };
  }

  function setTls(): void {
    if (running === undefined) return;
    const { https } = running.server;
    https.setSecureContext(tlsFor(running.servingPair));
    // New connections check the client certificate against the new CA.
    https.closeIdleConnections();
  }

  return {
    listen: async (servingPair, address) => {
      const handle = createRequestListener({ ...deps, frontProxy: () => frontProxy.current() });
      const server = createApiFacingServer(tlsFor(servingPair), handle, logger);
      running = { server, servingPair };
      metrics.serves(servingPair);
      const { port } = await listen(server.https, address);
      logger.info({ port }, 'the read API is listening');
    },
    serveWith: (servingPair) => {
      if (running === undefined) return;
      running.servingPair = servingPair;
      metrics.serves(servingPair);
      setTls();
    },
    close: async () => {
      await running?.server.close();
      await frontProxy.stop();
    },
  };
}
