import { LEDGER_KINDS } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';

/*
 * What clients of Kubernetes ask first: which groups, versions and kinds there are. The API server asks for its newer,
 * aggregated form too, and makes that from these when it is not offered.
 */

const version = { groupVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`, version: LEDGER_VERSION };

const group = {
  name: LEDGER_GROUP,
  versions: [version],
  preferredVersion: version,
};

export const apiGroupList = { kind: 'APIGroupList', apiVersion: 'v1', groups: [group] };

export const apiGroup = { kind: 'APIGroup', apiVersion: 'v1', ...group };

export const apiResourceList = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: version.groupVersion,
  resources: LEDGER_KINDS.map(({ plural, singular, kind }) => ({
    name: plural,
    singularName: singular,
    namespaced: false,
    kind,
    // Neither watch nor delete: no controller of the cluster takes these for objects that it could follow or clean up.
    verbs: ['get', 'list'],
  })),
};
