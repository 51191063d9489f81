/** What is known about the checkout that a release is made from. */
export interface Checkout {
  /** The version that was asked for. */
  readonly version: string;
  readonly packageVersion: string;
  /** `version` and `appVersion` of Chart.yaml. */
  readonly chartVersions: readonly string[];
  /** Files that differ from the commit, or that Git does not know. */
  readonly changedFiles: readonly string[];
  readonly commit: string;
  /** The commit that the tag of the version names, if there is that tag. */
  readonly tagged: string | undefined;
  /** Whether the changelog has a heading for the version. */
  readonly inChangelog: boolean;
}

/** Returns whether this makes the release itself: its commit has the tag. Everything else is a rehearsal. */
export function isRelease({ commit, tagged }: Checkout): boolean {
  return tagged === commit;
}

/** Returns why nothing is made: the files would not be those of the commit and the version that they name. */
export function refusals(checkout: Checkout): readonly string[] {
  const { version, packageVersion, chartVersions, changedFiles, commit, tagged } = checkout;
  const found: string[] = [];
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version))
    return [`"${version}" is no version. Write, for example, make release VERSION=${packageVersion}.`];
  if (changedFiles.length > 0)
    found.push(`The checkout differs from its commit. Commit or remove: ${changedFiles.slice(0, 5).join(', ')}.`);
  if (version !== packageVersion)
    found.push(`package.json has the version ${packageVersion}. Change it, or make ${packageVersion}.`);
  if (chartVersions.some((each) => each !== version))
    found.push(
      `charts/rock-mac/Chart.yaml has the versions ${chartVersions.join(' and ')}. Change both to ${version}.`,
    );
  if (tagged !== undefined && tagged !== commit)
    found.push(
      `The tag v${version} exists at ${tagged.slice(0, 12)}. A version is released once: choose the next one.`,
    );
  return [...found, ...(isRelease(checkout) ? releaseRefusals(checkout) : [])];
}

/** Returns why a release is refused that a rehearsal may leave open. */
export function releaseRefusals({ version, inChangelog }: Checkout): readonly string[] {
  if (inChangelog) return [];
  return [`CHANGELOG.md has no heading "## ${version}". Move the entries of "Pending" below it.`];
}
