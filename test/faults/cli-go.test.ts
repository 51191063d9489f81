import { homedir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { freshLedger } from '../integration/ledger-fixture.ts';
import { openShell } from '../integration/rock-mac-shell.ts';

/* Here and not beside the other promises to the tool before, since Go takes twenty seconds to build five lines. */

const PROGRAM = `package main

import (
	"fmt"
	"os/exec"
	"strings"
)

func main() {
	out, err := exec.Command("rock-mac", "allocate", "--pool", "experiment").Output()
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.TrimSpace(strings.TrimPrefix(string(out), "Allocated MAC: ")))
}
`;

test('a Go program reads the address as it always has', async () => {
  const ledger = await freshLedger();
  const shell = await openShell({
    ROCK_MAC_LEDGER_URL: ledger.url,
    GOCACHE: path.join(homedir(), '.cache', 'go-build'),
    GOPROXY: 'off',
  });
  try {
    const { stdout, stderr } = await shell.bash(`cat > main.go <<'END'\n${PROGRAM}END\ngo run main.go`);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^a4:58:0f:02(?::[0-9a-f]{2}){2}\n$/);
  } finally {
    await shell.close();
    await ledger.close();
  }
});
