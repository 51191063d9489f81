import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { missingNodePrograms } from '../programs/node-programs.ts';

/** Tries everything that a node does to the kernel: an overlay, a veth pair, a bridge, a macvlan and a cgroup. */
const attempt = `
cd "$1"
mkdir lower upper work merged
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
ip link add one type veth peer name two
ip link add bridge type bridge
ip link add link one name three type macvlan
for folder in /sys/fs/cgroup/pids /sys/fs/cgroup; do
  mkdir "$folder/rock-mac-env-attempt-$$" && { rmdir "$folder/rock-mac-env-attempt-$$"; exit 0; }
done
exit 1
`;

/** Returns why this machine cannot run real nodes, or undefined if it can. Tests are skipped with this reason. */
export async function whyNoNodes(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'a real node needs root on Linux';
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-node-'));
  try {
    const namespaces = ['--net', '--mount', '--pid', '--fork', '--mount-proc'];
    await promisify(execFile)('unshare', [...namespaces, 'sh', '-euc', attempt, 'attempt', folder]);
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    return `a real node needs namespaces, cgroups, overlayfs, bridges and macvlan: ${stderr}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return await missingNodePrograms();
}
