import { createServer } from 'node:http';
import { onTestFinished } from 'vitest';

/** A body, or a failure: an HTTP status, or a connection that is cut after half of the body. */
export type ServedFile = string | Buffer | { readonly status: number } | { readonly cutAfterHalfOf: string | Buffer };

/** Serves files on loopback for one test. Returns the base URL and the list of requested paths. */
export async function serveFiles(files: Readonly<Record<string, ServedFile>>) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    asked.push(path);
    const file = files[path] ?? { status: 404 };
    if (typeof file === 'string' || Buffer.isBuffer(file)) {
      response.end(file);
    } else if ('status' in file) {
      response.writeHead(file.status).end();
    } else {
      const body = Buffer.from(file.cutAfterHalfOf);
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, body.length / 2), () => response.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, asked };
}
