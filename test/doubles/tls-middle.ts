import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { KeyPair } from '../env/kubernetes/certificates.ts';

/** Postgres' request for TLS: a length of 8, and the code 80877103. */
const TLS_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/** Somebody between a client of Postgres and its server who reads and passes on everything. */
export interface TlsMiddle {
  readonly port: number;
  /** Returns how many bytes of clients were passed on. */
  passedOn(): number;
  close(): Promise<void>;
}

/** Starts it in front of a server on 127.0.0.1. Clients see the given certificate. */
export async function startTlsMiddle(serverPort: number, { certificate, key }: KeyPair): Promise<TlsMiddle> {
  let passedOn = 0;
  const sockets = new Set<Socket>();
  const keep = <T extends Socket>(socket: T): T => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    return socket;
  };

  async function join(client: Socket): Promise<void> {
    await once(client, 'data');
    const server = keep(connect(serverPort, '127.0.0.1'));
    server.write(TLS_REQUEST);
    await once(server, 'data');
    const toServer = keep(connectTls({ socket: server, rejectUnauthorized: false }));
    await once(toServer, 'secureConnect');
    const fromClient = keep(new TLSSocket(client, { isServer: true, cert: certificate, key }));
    client.write('S');
    fromClient.on('data', (data: Buffer) => {
      passedOn += data.length;
      toServer.write(data);
    });
    toServer.on('data', (data: Buffer) => fromClient.write(data));
    toServer.on('close', () => fromClient.destroy());
    fromClient.on('close', () => toServer.destroy());
  }

  const listener = createServer((client) => {
    join(keep(client)).catch(() => client.destroy());
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    port: (listener.address() as AddressInfo).port,
    passedOn: () => passedOn,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
