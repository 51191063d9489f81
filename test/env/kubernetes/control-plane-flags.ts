/** The ports on 127.0.0.1. */
export interface ControlPlanePorts {
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly api: number;
  readonly controllerManager: number;
}

/** The paths of the certificate files. */
export interface ControlPlaneFiles {
  readonly ca: string;
  readonly servingCertificate: string;
  readonly servingKey: string;
  readonly frontProxyCa: string;
  readonly frontProxyCertificate: string;
  readonly frontProxyKey: string;
  readonly serviceAccountPublicKey: string;
  readonly serviceAccountKey: string;
  readonly adminKubeconfig: string;
  /** Undefined if everything is on the machine's loopback. */
  readonly egressConfig: string | undefined;
}

/** The settings of the three programs. */
export interface ControlPlaneSettings {
  readonly ports: ControlPlanePorts;
  readonly files: ControlPlaneFiles;
  readonly etcdData: string;
  /** A /16 of loopback addresses. A ClusterIP is then local, and the listener on it acts as the Service. */
  readonly serviceRange: string;
  /** If set, etcd starts with the data of another one. */
  readonly etcdCopy?: string;
  readonly apiServerFlags?: readonly string[];
  readonly controllerManagerFlags?: readonly string[];
}

/** Returns the arguments of etcd. */
export function etcdFlags({ ports, etcdData, etcdCopy }: ControlPlaneSettings): string[] {
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return [
    `--data-dir=${etcdData}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    // Without fsync data still survives a killed process. Only a power failure would lose it.
    '--unsafe-no-fsync',
    // The copied data name the peer URL of the original, so this member would not find itself.
    ...(etcdCopy === undefined ? [] : ['--force-new-cluster']),
    '--log-level=warn',
  ];
}

/** Returns the arguments of kube-apiserver. All default admission plugins stay enabled. */
export function apiServerFlags({ ports, files, serviceRange, apiServerFlags = [] }: ControlPlaneSettings): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
    `--secure-port=${ports.api}`,
    '--bind-address=127.0.0.1',
    `--tls-cert-file=${files.servingCertificate}`,
    `--tls-private-key-file=${files.servingKey}`,
    `--client-ca-file=${files.ca}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${files.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    // A token expires exactly as requested, which clients outside a cluster expect.
    '--service-account-extend-token-expiration=false',
    `--requestheader-client-ca-file=${files.frontProxyCa}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    `--proxy-client-cert-file=${files.frontProxyCertificate}`,
    `--proxy-client-key-file=${files.frontProxyKey}`,
    '--enable-aggregator-routing=false',
    `--service-cluster-ip-range=${serviceRange}`,
    // The API rejects loopback addresses as endpoints, and nothing here uses the `kubernetes` Service.
    '--endpoint-reconciler-type=none',
    '--authorization-mode=Node,RBAC',
    '--allow-privileged=true',
    ...(files.egressConfig === undefined ? [] : nodeFlags(files.egressConfig)),
    ...apiServerFlags,
  ];
}

function nodeFlags(egressConfig: string): string[] {
  // The machine cannot resolve the names of nodes.
  return [`--egress-selector-config-file=${egressConfig}`, '--kubelet-preferred-address-types=InternalIP'];
}

/** Returns the arguments of kube-controller-manager. */
export function controllerManagerFlags(settings: ControlPlaneSettings): string[] {
  const { ports, files, controllerManagerFlags = [] } = settings;
  return [
    `--kubeconfig=${files.adminKubeconfig}`,
    `--authentication-kubeconfig=${files.adminKubeconfig}`,
    `--authorization-kubeconfig=${files.adminKubeconfig}`,
    `--service-account-private-key-file=${files.serviceAccountKey}`,
    `--root-ca-file=${files.ca}`,
    '--use-service-account-credentials',
    '--leader-elect=false',
    `--secure-port=${ports.controllerManager}`,
    '--bind-address=127.0.0.1',
    `--tls-cert-file=${files.servingCertificate}`,
    `--tls-private-key-file=${files.servingKey}`,
    '--controllers=*,-node-ipam-controller',
    // At the default of 20 requests a second its start is slow: it creates about forty ServiceAccounts and tokens.
    '--kube-api-qps=300',
    '--kube-api-burst=600',
    ...controllerManagerFlags,
  ];
}
