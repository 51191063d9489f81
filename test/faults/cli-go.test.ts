import { homedir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from '../integration/installed-env.ts';
import { freshLedger } from '../integration/ledger-fixture.ts';
import { openPluginShell } from '../integration/plugin-shell.ts';
import { openShell } from '../integration/rock-mac-shell.ts';

/* Apart from cli-predecessor.test.ts, because Go takes twenty seconds to build the program. */

const installed = installedEnvOfThisFile();

/** A Go program that runs the command of its arguments and prints the address. */
const PROGRAM = `package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

func main() {
	args := append(os.Args[2:], "allocate", "--pool", "experiment")
	out, err := exec.Command(os.Args[1], args...).Output()
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.TrimSpace(strings.TrimPrefix(string(out), "Allocated MAC: ")))
}
`;

const GO = `export GOCACHE='${path.join(homedir(), '.cache', 'go-build')}' GOPROXY=off`;
const script = (program: string) => `${GO}\ncat > main.go <<'END'\n${PROGRAM}END\ngo run main.go ${program}`;
const MAC = /^a4:58:0f:02(?::[0-9a-f]{2}){2}\n$/;

test('a Go program for the predecessor reads the address of rock-mac', async () => {
  const ledger = await freshLedger();
  const shell = await openShell({ ROCK_MAC_LEDGER_URL: ledger.url });
  try {
    const { stdout, stderr } = await shell.bash(script('rock-mac'));
    expect(stderr).toBe('');
    expect(stdout).toMatch(MAC);
  } finally {
    await shell.close();
    await ledger.close();
  }
});

test('a Go program for the predecessor reads the address of kubectl rock-mac', async () => {
  const { plane } = installed();
  const shell = await openPluginShell(plane.binaries.kubectl);
  try {
    await eventually(() => plane.kubectl(['get', 'macpool', 'experiment']), { within: 60_000 });
    const { stdout, stderr } = await shell.bash(plane.kubeconfig, script('kubectl rock-mac'));
    expect(stderr).toBe('');
    expect(stdout).toMatch(MAC);
  } finally {
    await shell.close();
  }
});
