import type { Logger } from 'pino';
import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { type ConfigMap, configMaps } from '../../kube/client/core-resources.ts';
import { createReflector } from '../../kube/controller/reflector.ts';

/** How the API server authenticates itself when it forwards a request, and which headers name the user. */
export interface FrontProxy {
  /** The CA of the front proxy's client certificate, in PEM. */
  readonly ca: string;
  /** The accepted common names of that certificate. An empty list accepts any. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraHeaderPrefixes: readonly string[];
}

/** The ConfigMap in which every cluster publishes this configuration. */
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

/** Returns `null` for invalid JSON, because an absent list of names would accept any name. */
function fromJson(text: unknown): unknown {
  return typeof text === 'string' ? (parseJson(text) ?? null) : undefined;
}

/** Returns `undefined` if the cluster has no aggregation layer or an invalid configuration. Then nobody is let in. */
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
  /** Returns the last published configuration. */
  current(): FrontProxy | undefined;
  stop(): Promise<void>;
}

/** Watches the published configuration. Calls `onChange` after every update. */
export function watchFrontProxy(
  { client, logger }: { readonly client: KubeClient; readonly logger: Logger },
  onChange: () => void,
): FrontProxyWatch {
  const reflector = createReflector({
    client,
    resource: configMaps,
    namespace: PUBLISHED.namespace,
    fieldSelector: `metadata.name=${PUBLISHED.name}`,
    logger,
    onChange,
  });
  reflector.start();
  return {
    current: () => {
      const found = reflector.get(`${PUBLISHED.namespace}/${PUBLISHED.name}`);
      return found === undefined ? undefined : readFrontProxy(found);
    },
    stop: () => reflector.stop(),
  };
}
