/**
 * From this annotation Kube-OVN reads the address of a pod's own interface. It also writes there which address the interface has
 * (https://github.com/kubeovn/kube-ovn, pkg/controller/pod.go).
 */
export const KUBE_OVN_MAC_ANNOTATION = 'ovn.kubernetes.io/mac_address';

/**
 * Returns for each attachment the annotation from which Kube-OVN reads its address, if its network is one of Kube-OVN. Each of
 * those is a provider, named by its NetworkAttachmentDefinition. A `mac` in the networks annotation goes first: Kube-OVN copies
 * it into this annotation. A pod that attaches a network twice has none for it, because it could not say which one is meant.
 */
export function providerMacAnnotations(attachments: readonly { readonly network: string }[]): readonly string[] {
  const byNetwork = Map.groupBy(attachments, ({ network }) => network);
  return attachments.map(({ network }) => {
    if ((byNetwork.get(network)?.length ?? 0) > 1) return '';
    const [namespace = '', name = ''] = network.split('/');
    return `${name}.${namespace}.${KUBE_OVN_MAC_ANNOTATION}`;
  });
}
