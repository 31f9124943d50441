import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** How a release of PowerDNS is started, and what its configuration needs for that. */
export interface PdnsProgram {
  /** `4.9`, `5.1`. */
  readonly release: string;
  readonly server: readonly [command: string, ...words: string[]];
  readonly util: readonly [command: string, ...words: string[]];
  readonly settings: Readonly<Record<string, string>>;
}

/** The release of Debian that has a release of PowerDNS. */
const SUITES = { '4.9': 'trixie', '5.1': 'forky' } as const;

export type NewerRelease = keyof typeof SUITES;

const MIRROR = process.env.LMDBSTREAM_DEBIAN_MIRROR ?? 'http://deb.debian.org/debian';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const depsFolder = resolve(import.meta.dirname, '../../../.deps');
/** For a mirror that hangs. */
const COMMAND_LIMIT_MS = 300_000;

/**
 * A PowerDNS that this Debian does not have, taken from a newer one: its packages and all that they need are unpacked into `.deps/`, and run with
 * their own loader and libraries. Nothing is installed. Safe to be called by several processes at once.
 *
 * @returns why there is none: no mirror, another system, or the newer Debian has moved on
 */
export async function newerPdns(release: NewerRelease): Promise<PdnsProgram | string> {
  const folder = join(depsFolder, `pdns-${release}`);
  try {
    if (!existsSync(folder)) await unpackInto(folder, SUITES[release]);
    const program = programIn(folder, release);
    const [command, ...words] = program.util;
    const { stdout } = await execute(command, [...words, '--version'], { timeout: COMMAND_LIMIT_MS });
    if (stdout.includes(` ${release}.`)) return program;
    return `Debian's ${SUITES[release]} has ${stdout.trim()} by now`;
  } catch (error) {
    return `PowerDNS ${release} of Debian's ${SUITES[release]} is not to be had: ${(error as Error).message}`;
  }
}

async function unpackInto(folder: string, suite: string): Promise<void> {
  mkdirSync(depsFolder, { recursive: true });
  const staging = mkdtempSync(join(depsFolder, 'installing-'));
  try {
    const archives = await download(join(staging, 'apt'), suite);
    const root = join(staging, 'root');
    mkdirSync(root);
    for (const name of readdirSync(archives).filter((file) => file.endsWith('.deb'))) {
      await execute('dpkg-deb', ['-x', join(archives, name), root], { timeout: COMMAND_LIMIT_MS });
    }
    try {
      renameSync(root, folder);
    } catch (error) {
      // Another process was faster.
      if (!existsSync(folder)) throw error;
    }
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** An apt of its own, for which nothing is installed: it downloads everything. @returns the folder of the packages */
async function download(folder: string, suite: string): Promise<string> {
  for (const path of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, 'status'), '');
  writeFileSync(join(folder, 'sources.list'), `deb [signed-by=${KEYRING}] ${MIRROR} ${suite} main\n`);
  const settings = {
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '/nonexistent',
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::State::Status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Debug::NoLocking': 'true',
    // It may not look into folders of root.
    'APT::Sandbox::User': '',
    'APT::Install-Recommends': 'false',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
  };
  const config = join(folder, 'apt.conf');
  writeFileSync(
    config,
    Object.entries(settings)
      .map(([name, value]) => `${name} "${value}";\n`)
      .join(''),
  );
  const options = { env: { ...process.env, APT_CONFIG: config }, timeout: COMMAND_LIMIT_MS, maxBuffer: 2 ** 24 };
  await execute('apt-get', ['-q', 'update'], options);
  await execute('apt-get', ['-q', '-y', '--download-only', 'install', 'pdns-server', 'pdns-backend-lmdb'], options);
  return join(folder, 'cache/archives');
}

function programIn(folder: string, release: string): PdnsProgram {
  const libraries = readdirSync(join(folder, 'usr/lib'))
    .map((name) => join(folder, 'usr/lib', name))
    .find((path) => existsSync(join(path, 'pdns/liblmdbbackend.so')));
  if (libraries === undefined) throw new Error(`no liblmdbbackend.so in ${folder}`);
  const loader = [libraries, join(folder, 'usr/lib')]
    .flatMap((path) => readdirSync(path).map((name) => join(path, name)))
    .find((path) => /\/ld-linux-[^/]*\.so\.\d$/.test(path));
  if (loader === undefined) throw new Error(`no loader in ${folder}`);
  const words = ['--library-path', libraries];
  return {
    release,
    server: [loader, ...words, join(folder, 'usr/sbin/pdns_server')],
    util: [loader, ...words, join(folder, 'usr/bin/pdnsutil')],
    settings: { 'module-dir': join(libraries, 'pdns'), 'lmdb-lightning-stream': 'yes' },
  };
}
