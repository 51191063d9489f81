import { stringify } from 'yaml';

/** A client certificate or a token. */
export type Credentials = { readonly certificate: string; readonly key: string } | { readonly token: string };

/** Returns the text of a kubeconfig for one server and one user, with embedded credentials. */
export function kubeconfigText(options: {
  readonly server: string;
  readonly ca: string;
  readonly user: string;
  readonly credentials: Credentials;
  readonly namespace?: string | undefined;
}): string {
  const { server, ca, user, credentials, namespace } = options;
  const proof =
    'token' in credentials
      ? { token: credentials.token }
      : {
          'client-certificate-data': base64(credentials.certificate),
          'client-key-data': base64(credentials.key),
        };
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'env', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [{ name: user, user: proof }],
    contexts: [{ name: 'env', context: { cluster: 'env', user, ...(namespace && { namespace }) } }],
    'current-context': 'env',
  });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
