import { LEDGER_KINDS } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';

/*
 * The discovery documents: which groups, versions and kinds this API has. The API server builds the newer, aggregated form
 * from these, because this server does not offer it.
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
    // Without watch and delete, no controller of the cluster tries to follow or clean up these objects.
    verbs: ['get', 'list'],
  })),
};
