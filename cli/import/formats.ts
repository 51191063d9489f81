import type { ParseFile } from './parsed-file.ts';

/** The formats of `import`, with the names that `export` gives to those that both know. */
export const IMPORT_FORMATS = ['csv', 'libvirt', 'proxmox', 'netbox-json', 'kea', 'dnsmasq', 'ethers'] as const;

export type ImportFormat = (typeof IMPORT_FORMATS)[number];

interface FormatReader {
  /** The files of a folder that have this format. */
  readonly files: RegExp;
  /** Loads the parser, which brings its libraries. Other commands must not wait for them. */
  readonly load: () => Promise<ParseFile>;
}

const dnsmasq: FormatReader = {
  // As dnsmasq itself chooses the files of a folder (--conf-dir).
  files: /^(?!\.|#.*#$).*[^~]$/,
  load: async () => (await import('./dnsmasq.ts')).parseDnsmasq,
};

export const FORMAT_READERS: Readonly<Record<ImportFormat, FormatReader>> = {
  csv: { files: /\.csv$/i, load: async () => (await import('./csv.ts')).parseCsv },
  libvirt: { files: /\.xml$/i, load: async () => (await import('./libvirt.ts')).parseLibvirt },
  proxmox: { files: /^\d+\.conf$/, load: async () => (await import('./proxmox.ts')).parseProxmox },
  'netbox-json': { files: /\.json$/i, load: async () => (await import('./netbox.ts')).parseNetbox },
  kea: { files: /\.(?:json|conf)$/i, load: async () => (await import('./kea.ts')).parseKea },
  dnsmasq,
  ethers: dnsmasq,
};
