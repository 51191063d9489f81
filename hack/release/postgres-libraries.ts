import type { Platform } from './platforms.ts';

/** A library of others that a package with Postgres contains, because `postgres` or one of its modules loads it. */
export interface Library {
  readonly name: string;
  /** Undefined where the file does not contain it. */
  readonly version?: string;
  /** SPDX. */
  readonly licence: string;
  /** Its licence text: a file of licences/, without the ending. */
  readonly text: string;
  /** Where its source code is. The LGPL requires that an archive says so. */
  readonly source: string;
  /** Its files, by the beginnings of their names. */
  readonly files: readonly string[];
  /** Vendor and product, by which databases of vulnerabilities know it. */
  readonly cpe?: string;
}

const ICU = {
  name: 'ICU',
  licence: 'Unicode-3.0',
  text: 'icu',
  source: 'https://github.com/unicode-org/icu',
  files: ['libicudata', 'libicui18n', 'libicuuc'],
  cpe: 'unicode:international_components_for_unicode',
};
const XML = {
  name: 'libxml2',
  licence: 'MIT',
  text: 'libxml2',
  source: 'https://gitlab.gnome.org/GNOME/libxml2',
  files: ['libxml2'],
  cpe: 'xmlsoft:libxml2',
};
const ZLIB = {
  name: 'zlib',
  licence: 'Zlib',
  text: 'zlib',
  source: 'https://zlib.net',
  files: ['libz.'],
  cpe: 'zlib:zlib',
};
const OPENSSL = {
  name: 'OpenSSL',
  source: 'https://github.com/openssl/openssl',
  files: ['libcrypto', 'libssl'],
  cpe: 'openssl:openssl',
};

/* The versions are those that the files themselves contain. */
const LIBRARIES: Readonly<Record<Platform['os'], readonly Library[]>> = {
  linux: [
    { ...OPENSSL, version: '1.1.1', licence: 'OpenSSL', text: 'openssl-1.1' },
    { ...ICU, version: '60.2' },
    { ...XML, version: '2.9.4' },
    {
      name: 'libxslt',
      version: '1.1.29',
      licence: 'X11',
      text: 'libxslt',
      source: 'https://gitlab.gnome.org/GNOME/libxslt',
      files: ['libxslt'],
      cpe: 'xmlsoft:libxslt',
    },
    {
      name: 'XZ Utils',
      version: '5.2.2',
      licence: 'LicenseRef-Public-Domain',
      text: 'xz',
      source: 'https://tukaani.org/xz',
      files: ['liblzma'],
      cpe: 'tukaani:xz',
    },
    {
      name: 'OSSP uuid',
      version: '1.6.2',
      licence: 'ISC',
      text: 'ossp-uuid',
      source: 'http://www.ossp.org/pkg/lib/uuid/',
      files: ['libossp-uuid'],
    },
    { ...ZLIB, version: '1.2.11' },
  ],
  darwin: [
    { ...OPENSSL, version: '3.5.6', licence: 'Apache-2.0', text: 'apache-2.0' },
    { ...ICU, version: '77.1' },
    { ...XML, version: '2.15.3' },
    {
      name: 'MIT Kerberos',
      version: '1.22.2',
      licence: 'MIT',
      text: 'krb5',
      source: 'https://web.mit.edu/kerberos/',
      files: ['libgssapi_krb5', 'libk5crypto', 'libkrb5', 'libcom_err'],
      cpe: 'mit:kerberos_5',
    },
    {
      name: 'libedit',
      licence: 'BSD-3-Clause',
      text: 'libedit',
      source: 'https://www.thrysoee.dk/editline/',
      files: ['libedit'],
    },
    {
      name: 'GNU libiconv',
      licence: 'LGPL-2.1-or-later',
      text: 'lgpl-2.1',
      source: 'https://ftp.gnu.org/gnu/libiconv/',
      files: ['libiconv'],
    },
    {
      name: 'GNU libintl',
      licence: 'LGPL-2.1-or-later',
      text: 'lgpl-2.1',
      source: 'https://ftp.gnu.org/gnu/gettext/',
      files: ['libintl'],
    },
    {
      name: 'LZ4',
      version: '1.10.0',
      licence: 'BSD-2-Clause',
      text: 'lz4',
      source: 'https://github.com/lz4/lz4',
      files: ['liblz4'],
      cpe: 'lz4_project:lz4',
    },
    {
      name: 'libuuid',
      licence: 'BSD-3-Clause',
      text: 'libuuid',
      source: 'https://github.com/util-linux/util-linux',
      files: ['libuuid'],
    },
    { ...ZLIB, version: '1.3.2' },
    {
      name: 'Zstandard',
      version: '1.5.7',
      licence: 'BSD-3-Clause',
      text: 'zstd',
      source: 'https://github.com/facebook/zstd',
      files: ['libzstd'],
      cpe: 'facebook:zstandard',
    },
  ],
};

/** The libraries of Postgres itself, by the beginnings of their names. */
const OF_POSTGRES = ['libecpg', 'libpg', 'libpq', 'pkgconfig', 'postgresql'];

/** Returns the libraries of others beside Postgres on a platform. */
export function librariesOf({ os }: Pick<Platform, 'os'>): readonly Library[] {
  return LIBRARIES[os];
}

/** Returns which of these files belong neither to Postgres nor to a known library: their licence would be missing. */
export function unknownLibraries(os: Platform['os'], files: readonly string[]): readonly string[] {
  const known = [...OF_POSTGRES, ...LIBRARIES[os].flatMap((library) => library.files)];
  return files.filter((file) => !known.some((beginning) => file.startsWith(beginning)));
}
