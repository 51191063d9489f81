import type { Log } from '../run/run.ts';
import { resolveGoTool } from './go-tool.ts';

/** Returns the path of crane, which has a registry. A Go build of hack/registry takes half a minute. */
export function resolveCrane(log: Log): Promise<string> {
  const places = { folder: 'registry', module: 'github.com/google/go-containerregistry', cache: 'crane' };
  return resolveGoTool({ name: 'crane', program: 'crane', variable: 'CRANE', ...places }, log);
}

/** Returns the path of krew, which installs plugins of kubectl. A Go build of hack/krew takes half a minute. */
export function resolveKrew(log: Log): Promise<string> {
  const places = { folder: 'krew', module: 'sigs.k8s.io/krew', cache: 'krew' };
  return resolveGoTool({ name: 'krew', program: 'krew', variable: 'KREW', ...places }, log);
}
