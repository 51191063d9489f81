/** One stage of a Dockerfile: its base image and its instructions in order. */
export interface DockerStage {
  readonly from: string;
  readonly name: string | undefined;
  readonly instructions: readonly DockerInstruction[];
}

export interface DockerInstruction {
  readonly keyword: string;
  readonly text: string;
}

/** Parses the Dockerfile syntax that the project uses: no heredocs, parser directives or ONBUILD. */
export function parseDockerfile(text: string): readonly DockerStage[] {
  const stages: { from: string; name: string | undefined; instructions: DockerInstruction[] }[] = [];
  const lines = text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  for (const line of lines) {
    const [, keyword = '', rest = ''] = /^\s*(\w+)\s+(.*?)\s*$/.exec(line) ?? [];
    if (keyword === '') continue;
    if (keyword.toUpperCase() === 'FROM') {
      const [, from = '', name] = /^(\S+)(?:\s+as\s+(\S+))?$/i.exec(rest) ?? [];
      stages.push({ from, name, instructions: [] });
    } else {
      stages.at(-1)?.instructions.push({ keyword: keyword.toUpperCase(), text: rest });
    }
  }
  return stages;
}

/** Parses the sources and the target of a COPY instruction, and the stage that it copies from. */
export function parseCopy(text: string): { from: string | undefined; sources: string[]; target: string } {
  const words = text.split(/\s+/);
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
  const paths = words.filter((word) => !word.startsWith('--'));
  return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
}
