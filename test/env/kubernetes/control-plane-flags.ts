/** Ports of 127.0.0.1. */
export interface ControlPlanePorts {
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly api: number;
  readonly controllerManager: number;
}

/** The files that the certificates were written to. */
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
}

/** What the three programs are told. */
export interface ControlPlaneSettings {
  readonly ports: ControlPlanePorts;
  readonly files: ControlPlaneFiles;
  readonly etcdData: string;
  /** A /16 of loopback addresses: a ClusterIP is then local, and whoever listens on it is the Service. */
  readonly serviceRange: string;
  readonly apiServerFlags?: readonly string[];
  readonly controllerManagerFlags?: readonly string[];
}

/** Arguments of etcd. */
export function etcdFlags({ ports, etcdData }: ControlPlaneSettings): string[] {
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return [
    `--data-dir=${etcdData}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    // Data survives a killed process without fsync; only a machine that loses power would lose it.
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

/** Arguments of kube-apiserver. All default admission plugins stay on. */
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
    // A token lives exactly as long as was asked for, as callers outside a cluster expect.
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
    // A loopback address is refused as an endpoint, and nobody needs the endpoint of the `kubernetes` Service here.
    '--endpoint-reconciler-type=none',
    '--authorization-mode=Node,RBAC',
    '--allow-privileged=true',
    ...apiServerFlags,
  ];
}

/** Arguments of kube-controller-manager. */
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
    // The default of 20 requests a second makes its own start, some forty ServiceAccounts and tokens, slow.
    '--kube-api-qps=300',
    '--kube-api-burst=600',
    ...controllerManagerFlags,
  ];
}
