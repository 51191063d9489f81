/* The completion scripts. A shell loads one once, and it runs `rock-mac __complete` for every completion. */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Bash splits words at colons. The script splits the line itself and strips everything before the last colon. */
const BASH = `_rock_mac() {
  local line words current before
  read -ra words <<< "\${COMP_LINE:0:COMP_POINT}"
  [[ \${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=('')
  current=\${words[-1]}
  before=\${current%"\${current##*:}"}
  COMPREPLY=()
  while IFS= read -r line; do
    [[ $line == :* ]] && continue
    line=\${line%%$'\\t'*}
    COMPREPLY+=("\${line#"$before"}")
  done < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _rock_mac rock-mac
`;

const ZSH = `#compdef rock-mac
_rock_mac() {
  local line
  local -a found
  for line in "\${(@f)$(rock-mac __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ $line == :* ]] && continue
    found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe 'rock-mac' found || _files
}
compdef _rock_mac rock-mac
`;

const FISH = `function __rock_mac
  set -l words (commandline -opc) (commandline -ct)
  rock-mac __complete $words[2..-1] 2>/dev/null | string match --invert ':*'
end
complete -c rock-mac -a '(__rock_mac)'
`;

export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
