import type { Logger } from 'pino';
import { z } from 'zod';
import type { KubeClient } from '../../kube/client/client.ts';
import { configMaps, type ConfigMap } from '../../kube/client/core-resources.ts';
import { parseJson } from '../../api/parse-json.ts';
import { createReflector } from '../../kube/controller/reflector.ts';

/** How the API server proves who it is when it passes a request on, and where it writes who asked. */
export interface FrontProxy {
  /** PEM. Signs the certificate that the front proxy shows. */
  readonly ca: string;
  /** The common names of that certificate that count; empty: any. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraHeaderPrefixes: readonly string[];
}

/** Where every cluster publishes it, for servers like this one. */
const PUBLISHED = { namespace: 'kube-system', name: 'extension-apiserver-authentication' } as const;

const names = z.array(z.string()).min(1);
const published = z.object({
  'requestheader-client-ca-file': z.string().min(1),
  'requestheader-allowed-names': z.preprocess(fromJson, z.array(z.string()).default([])),
  'requestheader-username-headers': z.preprocess(fromJson, names),
  'requestheader-uid-headers': z.preprocess(fromJson, z.array(z.string()).default([])),
  'requestheader-group-headers': z.preprocess(fromJson, names),
  'requestheader-extra-headers-prefix': z.preprocess(fromJson, z.array(z.string()).default([])),
});

/** What is no JSON must not pass for what is absent: an absent list of names allows any. */
function fromJson(text: unknown): unknown {
  return typeof text === 'string' ? (parseJson(text) ?? null) : undefined;
}

/** `undefined` where the cluster has no aggregation layer, or says something that is not understood: nobody is let in. */
export function readFrontProxy({ data }: ConfigMap): FrontProxy | undefined {
  const parsed = published.safeParse(data);
  if (!parsed.success) return undefined;
  return {
    ca: parsed.data['requestheader-client-ca-file'],
    allowedNames: parsed.data['requestheader-allowed-names'],
    usernameHeaders: parsed.data['requestheader-username-headers'],
    uidHeaders: parsed.data['requestheader-uid-headers'],
    groupHeaders: parsed.data['requestheader-group-headers'],
    extraHeaderPrefixes: parsed.data['requestheader-extra-headers-prefix'],
  };
}

export interface FrontProxyWatch {
  /** What was published last. */
  current(): FrontProxy | undefined;
  stop(): Promise<void>;
}

/** Follows what the cluster publishes; `onChange` is told of everything that may have become different. */
export function watchFrontProxy(
  { client, logger }: { readonly client: KubeClient; readonly logger: Logger },
  onChange: () => void,
): FrontProxyWatch {
  const copy = createReflector({
    client,
    resource: configMaps,
    namespace: PUBLISHED.namespace,
    fieldSelector: `metadata.name=${PUBLISHED.name}`,
    logger,
    onChange,
  });
  copy.start();
  return {
    current: () => {
      const found = copy.get(`${PUBLISHED.namespace}/${PUBLISHED.name}`);
      return found === undefined ? undefined : readFrontProxy(found);
    },
    stop: () => copy.stop(),
  };
}
