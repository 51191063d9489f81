import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { COMPLETION_SCRIPTS, type Shell } from './scripts.ts';

/** Where a user's shell finds completions. */
export interface UserFolders {
  readonly home: string;
  /** `XDG_DATA_HOME` and `XDG_CONFIG_HOME`, if they are set. */
  readonly data?: string | undefined;
  readonly config?: string | undefined;
}

export interface Installed {
  readonly file: string;
  /** What the user must do before it works. */
  readonly next: string;
}

/** Returns the shell that a path such as `/bin/bash` names. */
export function shellNamed(program: string | undefined): Shell | undefined {
  const name = path.basename(program ?? '');
  return name === 'bash' || name === 'zsh' || name === 'fish' ? name : undefined;
}

/**
 * Writes the completion script where the shell of the user loads it from: bash-completion and fish read their folders at the
 * first completion (https://github.com/scop/bash-completion, https://fishshell.com/docs/current/completions.html).
 */
export async function installCompletion(shell: Shell, folders: UserFolders): Promise<Installed> {
  const installed = placeOf(shell, folders);
  await mkdir(path.dirname(installed.file), { recursive: true });
  await writeFile(installed.file, COMPLETION_SCRIPTS[shell]);
  return installed;
}

function placeOf(shell: Shell, { home, data, config }: UserFolders): Installed {
  switch (shell) {
    case 'bash': {
      const folder = path.join(data ?? path.join(home, '.local', 'share'), 'bash-completion', 'completions');
      return { file: path.join(folder, 'rock-mac'), next: 'Open a new shell. It needs the package bash-completion.' };
    }
    case 'zsh':
      return {
        file: path.join(home, '.zfunc', '_rock-mac'),
        next: 'Add `fpath+=(~/.zfunc)` to ~/.zshrc before compinit, then open a new shell.',
      };
    case 'fish': {
      const folder = path.join(config ?? path.join(home, '.config'), 'fish', 'completions');
      return { file: path.join(folder, 'rock-mac.fish'), next: 'Open a new shell.' };
    }
  }
}
