import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { macAllocationSpec } from '../../api/mac-allocation.ts';
import { ledgerOfThisFile } from './ledger-fixture.ts';
import { openShell, type RockMacShell } from './rock-mac-shell.ts';

/*
 * The recipes of deploy/recipes as their users run them, with the real tools of Debian where it has them. vultr-cli and a Docker engine
 * are not in Debian, so of these recipes only the files are read, each by the program that will read it.
 */

const RECIPES = path.join(import.meta.dirname, '..', '..', 'deploy', 'recipes');
/** As https://github.com/tmccombs/hcl2json, which uses HashiCorp's own parser. Go builds it once. */
const HCL2JSON = 'github.com/tmccombs/hcl2json@v0.6.9';
const MAC = /^a4:58:0f:0[0-5](:[0-9a-f]{2}){2}$/;

const ledger = ledgerOfThisFile();
let shell: RockMacShell;

beforeAll(async () => {
  shell = await openShell({ ROCK_MAC_LEDGER_URL: ledger.current.url, RECIPES });
});

afterAll(async () => {
  await shell.close();
});

/** Runs a script that must succeed, and returns its output. */
async function out(script: string): Promise<string> {
  const { code, stdout, stderr } = await shell.bash(`set -euo pipefail\n${script}`);
  expect({ script, code, stderr: code === 0 ? '' : stderr }).toEqual({ script, code: 0, stderr: '' });
  return stdout.trim();
}

const addressesOf = (device: string) => out(`rock-mac show ${device} -o name`);

/** Describes what needs a program, or says in the title why it is skipped. */
function describeWith(program: string, debianPackage: string, title: string, tests: () => void): void {
  const isThere = spawnSync(program, ['--version']).error === undefined;
  describe.skipIf(!isThere)(
    isThere ? title : `${title}: skipped, because ${program} is missing (Debian: ${debianPackage})`,
    tests,
  );
}

describeWith('shellcheck', 'shellcheck', 'the scripts', () => {
  test('have no finding of shellcheck', async () => {
    expect(await out('shellcheck "$RECIPES"/*/*.sh')).toBe('');
  });
});

describeWith('qemu-system-x86_64', 'qemu-system-x86', 'QEMU', () => {
  // A machine without a disk, which stops when its monitor reads `quit`.
  const MACHINE = '-machine pc,accel=tcg -m 16 -nodefaults -display none -S -monitor stdio';

  test('a machine has the address of its device, which is released when it ends', async () => {
    const console = await out(`printf 'info network\\nquit\\n' | "$RECIPES"/qemu/run.sh vm-1 ${MACHINE}`);
    const [, mac] = /macaddr=([0-9a-f:]{17})/.exec(console) ?? [];
    expect(mac).toMatch(MAC);
    expect(await addressesOf('vm-1')).toBe('');
    expect(await out(`rock-mac show ${String(mac)} -o jsonpath='{.items[0].state} {.items[0].device.id}'`)).toBe(
      'released vm-1',
    );
  });

  test('the address of a machine that does not start is released too', async () => {
    const { code } = await shell.bash('"$RECIPES"/qemu/run.sh vm-2 -machine none-of-these </dev/null');
    expect(code).not.toBe(0);
    expect(await out('rock-mac audit vm-2 -o jsonpath="{.items[*].action}"')).toMatch(/release/);
    expect(await addressesOf('vm-2')).toBe('');
  });
});

test.each([
  ['qemu/run.sh', 'PATH="$PWD/machine:$PATH" "$RECIPES"/qemu/run.sh signalled-vm'],
  ['docker/run.sh', 'DOCKER="$PWD"/machine/qemu-system-x86_64 "$RECIPES"/docker/run.sh signalled-vm lan image:1'],
])('a signal for %s alone does not release the address of what still runs', async (_, run) => {
  // Stands in for the machine: it ends its caller, and then looks whether it still has its address.
  await mkdir(path.join(shell.home, 'machine'), { recursive: true });
  const machine = '#!/bin/sh\nkill -TERM $PPID\nsleep 1\nrock-mac show signalled-vm -o name >while-running\n';
  await writeFile(path.join(shell.home, 'machine', 'qemu-system-x86_64'), machine, { mode: 0o755 });
  await out(run);
  expect(await out('cat while-running')).toMatch(MAC);
  expect(await addressesOf('signalled-vm')).toBe('');
});

describeWith('virt-install', 'virtinst', 'libvirt', () => {
  const CREATE =
    '"$RECIPES"/libvirt/create.sh dom-1 --connect test:///default --memory 64 --disk none --import --osinfo generic --print-xml';

  test('a domain has the address of its device, also when it is created again', async () => {
    const [first, again] = [await out(CREATE), await out(CREATE)];
    const mac = await addressesOf('dom-1');
    expect(mac).toMatch(MAC);
    expect(first).toContain(`<mac address="${mac}"/>`);
    expect(again).toContain(mac);
  });

  test('the hook lets a domain start with its own address, and not with that of another', async () => {
    const xml = await out(CREATE);
    await writeFile(path.join(shell.home, 'domain.xml'), xml);
    await out('"$RECIPES"/libvirt/hook.sh dom-1 prepare begin - <domain.xml');
    const clone = await shell.bash('"$RECIPES"/libvirt/hook.sh dom-2 prepare begin - <domain.xml');
    expect(clone).toMatchObject({ code: 1, stderr: expect.stringContaining('dom-2 does not hold a4:58:0f') as string });
    // The machine runs already, so a failure would change nothing.
    await out('"$RECIPES"/libvirt/hook.sh dom-2 started begin - <domain.xml');
  });

  test('the hook knows its prefix in any case, and takes no object of another kind for the domain', async () => {
    const hook = (domain: string) =>
      shell.bash(`PREFIX=A4:58:0F "$RECIPES"/libvirt/hook.sh '${domain}' prepare begin - <domain.xml`);
    expect(await hook('dom-2')).toMatchObject({ code: 1 });
    expect(await hook(await addressesOf('dom-1'))).toMatchObject({ code: 1 });
    expect(await hook('--help')).toMatchObject({ code: 1 });
  });

  test('a domain that cannot be stopped keeps its address, and one that is deleted does not', async () => {
    const mac = await addressesOf('dom-1');
    // The driver for tests forgets everything between two calls, so this stands in for a libvirt that knows the domain.
    const virsh = (destroy: string) =>
      `virsh() { case $1 in list) echo dom-1 ;; destroy) ${destroy} ;; esac; }; export -f virsh; "$RECIPES"/libvirt/delete.sh dom-1`;
    expect(await shell.bash(virsh('return 1'))).toMatchObject({ code: 1 });
    expect(await addressesOf('dom-1')).toBe(mac);
    await out(virsh('return 0'));
    expect(await addressesOf('dom-1')).toBe('');
  });

  test('the hook lets domains start while the ledger is away, and says so', async () => {
    const { code, stderr } = await shell.bash(
      'ROCK_MAC_LEDGER_URL=postgres://127.0.0.1:1/none "$RECIPES"/libvirt/hook.sh dom-2 prepare begin - <domain.xml',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('were not checked') as string });
  });
});

describeWith('docker-compose', 'docker-compose', 'Compose', () => {
  test('each service has its own address at every call, and down releases them', async () => {
    const config = () => out('COMPOSE=docker-compose "$RECIPES"/docker/compose.sh config');
    const first = await config();
    const macs = [...first.matchAll(/mac_address: '?([0-9a-f:]{17})/g)].map(([, mac]) => mac);
    expect(new Set(macs).size).toBe(2);
    expect(await config()).toBe(first);
    expect([await addressesOf('docker-web'), await addressesOf('docker-cache')].sort()).toEqual([...macs].sort());
    // Stands in for the engine: `down` of Compose would need one.
    await out('COMPOSE=true "$RECIPES"/docker/compose.sh down');
    expect(await addressesOf('docker-web')).toBe('');
  });

  test('without addresses it does not start', async () => {
    const { code, stderr } = await shell.bash('docker-compose -f "$RECIPES"/docker/compose.yaml config');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('run compose.sh') as string });
  });
});

test('a container is started with its address, which is released when it ends', async () => {
  // Podman and Docker have the same flags. Neither is there, so this only compares their arguments.
  const args = await out('DOCKER=echo "$RECIPES"/docker/run.sh c-1 lan image:1 sleep 5');
  expect(args).toMatch(/^run --rm --name c-1 --network lan --mac-address a4:58:0f:04:[0-9a-f:]{5} image:1 sleep 5$/);
  expect(await addressesOf('c-1')).toBe('');
});

describeWith('cloud-init', 'cloud-init', 'cloud-init', () => {
  test('names the card with the address of the machine', async () => {
    const config = await out('"$RECIPES"/cloud-init/network-config.sh ci-1 | tee network-config');
    const mac = await addressesOf('ci-1');
    expect(config).toContain(`macaddress: '${mac}'`);
    await out('cloud-init devel net-convert -p network-config -k yaml -d converted -D debian -O networkd');
    expect(await out('cat converted/etc/systemd/network/*.network')).toContain(`MACAddress=${mac}`);
  });

  test('the user data for Vultr has the schema of cloud-init', async () => {
    await out('"$RECIPES"/vultr/user-data.sh a4:58:0f:03:00:09 >user-data');
    expect(await out('cloud-init schema --config-file user-data')).toContain('Valid');
    expect(await readFile(path.join(shell.home, 'user-data'), 'utf8')).toContain('MACAddress=a4:58:0f:03:00:09');
  });
});

describeWith('ansible-playbook', 'ansible-core', 'Ansible', () => {
  test('the devices of the ledger are an inventory, and a playbook sets the address of each', async () => {
    await out(`rock-mac allocate -p production -d rack-host-1 -t bare-metal -m '{"rack": "a7"}'`);
    const inventory = await out('ansible-inventory -i "$RECIPES"/ansible/inventory.py --list');
    expect(JSON.parse(inventory)).toMatchObject({
      _meta: { hostvars: { 'rack-host-1': { rock_mac_metadata: { rack: 'a7' } } } },
      type_bare_metal: { hosts: ['rack-host-1'] },
    });
    await mkdir(path.join(shell.home, 'links'));
    const play = (more: string) =>
      out(
        `cd "$RECIPES"/ansible && ansible-playbook -i inventory.py --limit type_bare_metal -e output_folder="$HOME"/links ${more} playbook.yaml`,
      );
    expect(await play('')).toMatch(/changed=1/);
    // The request key makes the second run find the same address.
    expect(await play('')).toMatch(/changed=0/);
    const link = await readFile(path.join(shell.home, 'links', '50-rack-host-1.link'), 'utf8');
    const [, mac = ''] = /^MACAddress=(\S+)$/m.exec(link) ?? [];
    expect((await addressesOf('rack-host-1')).split('\n')).toContain(mac);
  });

  test('a refusal of the ledger is the error of the lookup', async () => {
    const { code, stdout, stderr } = await shell.bash(
      `cd "$RECIPES"/ansible && ANSIBLE_LOOKUP_PLUGINS=lookup_plugins ansible localhost -m debug -a 'msg={{ lookup("rock_mac", "x", pool="none") }}'`,
    );
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain('pool');
  });
});

describeWith('go', 'golang', 'Terraform', () => {
  const asJson = (file: string): unknown =>
    JSON.parse(execFileSync('go', ['run', HCL2JSON, path.join(RECIPES, 'terraform', file)], { encoding: 'utf8' }));

  test('the program of the data source speaks the protocol of Terraform, and reads the same address at each plan', async () => {
    const { data, resource } = z
      .object({
        data: z.object({ external: z.object({ mac: z.tuple([z.object({ program: z.array(z.string()) })]) }) }),
        resource: z.object({
          terraform_data: z.object({
            mac: z.tuple([
              z.object({ provisioner: z.object({ 'local-exec': z.tuple([z.object({ command: z.string() })]) }) }),
            ]),
          }),
        }),
      })
      .parse(asJson('main.tf'));
    const program = data.external.mac[0].program.map((word) => word.replaceAll('${var.name}', 'tf-1'));
    // Terraform writes a query to stdin, and accepts only an object of texts: see cli/output/flat-texts.ts.
    const plan = async () =>
      z
        .record(z.string(), z.string())
        .parse(JSON.parse(await out(`echo '{}' | ${program.map((word) => `'${word}'`).join(' ')}`)));
    const result = await plan();
    expect(result).toMatchObject({ mac: expect.stringMatching(MAC) as string, device_id: 'tf-1', pool: 'production' });
    expect((await plan())['mac']).toBe(result['mac']);
    const { command } = resource.terraform_data.mac[0].provisioner['local-exec'][0];
    await out(command.replaceAll('${self.output}', result['mac'] ?? ''));
    expect(await addressesOf('tf-1')).toBe('');
  });

  test('the claim for the provider of Kubernetes is valid', () => {
    const schema = z.object({
      resource: z.object({
        kubernetes_manifest: z.object({
          mac: z.tuple([
            z.object({ manifest: z.object({ apiVersion: z.string(), kind: z.string(), spec: macAllocationSpec }) }),
          ]),
        }),
      }),
    });
    const { manifest } = schema.parse(asJson('kubernetes/main.tf')).resource.kubernetes_manifest.mac[0];
    expect(manifest).toMatchObject({
      kind: 'MacAllocation',
      apiVersion: 'mac.rock-os.io/v1alpha1',
      spec: { pool: 'production' },
    });
  });
});
