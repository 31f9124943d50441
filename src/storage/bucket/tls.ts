import { appendFile, readdir, readFile, stat } from 'node:fs/promises';
import type { Agent } from 'node:https';
import { join } from 'node:path';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import type { Log } from '../../log/index.ts';
import { StorageError } from '../errors.ts';
import type { TlsOptions } from '../options.ts';

/** Where distributions keep the authorities of the system: the list that Go, and so the reference, goes through. */
const SYSTEM_CA_FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** Certificates and keys as they are in the files now. @throws StorageError when one cannot be read or parsed. */
export async function loadSecureContext(options: TlsOptions): Promise<SecureContext> {
  const own = [...(await pem(options.caFile)), ...given(options.ca)];
  const usual = own.length === 0 || options.addSystemCaPool ? await usualAuthorities() : [];
  const cert = [...(await pem(options.certFile)), ...given(options.cert)];
  const key = [...(await pem(options.keyFile)), ...given(options.key)];
  try {
    return createSecureContext({
      ca: [...own, ...usual],
      ...(cert.length > 0 ? { cert } : {}),
      ...(key.length > 0 ? { key } : {}),
    });
  } catch (cause) {
    throw tlsError(`tls: ${(cause as Error).message}`, cause);
  }
}

const given = (text: string | undefined): string[] => (text ? [text] : []);

async function pem(path: string | undefined): Promise<string[]> {
  if (!path) return [];
  try {
    return [await readFile(path, 'utf8')];
  } catch (cause) {
    throw tlsError(`tls: ${(cause as Error).message}`, cause);
  }
}

function tlsError(message: string, cause: unknown): StorageError {
  return new StorageError(message, {
    operation: 'init',
    denied: true,
    errorLabel: 'TLS',
    hint: 'the files and texts of storage.options.tls must be PEM and readable; a certificate needs its key',
    cause,
  });
}

/**
 * Node's own list, the system's, and what the environment adds by the variables of Node and of OpenSSL: all of them. Most are in
 * two lists, and reading one costs half a millisecond, so each is given once.
 */
export async function usualAuthorities(env: AuthorityEnvironment = process.env): Promise<string[]> {
  const folders = (env.SSL_CERT_DIR ?? '').split(':').filter((folder) => folder !== '');
  const texts = await Promise.all([
    firstOf(SYSTEM_CA_FILES),
    ...[env.NODE_EXTRA_CA_CERTS, env.SSL_CERT_FILE].map(textOf),
    ...folders.map(textOfFolder),
  ]);
  const found = new Map<string, string>();
  for (const certificate of [...rootCertificates, ...texts.flatMap((text) => text.match(CERTIFICATE) ?? [])]) {
    const key = certificate.replaceAll(/\s+/g, '');
    if (!found.has(key)) found.set(key, certificate);
  }
  return [...found.values()];
}

export interface AuthorityEnvironment {
  readonly NODE_EXTRA_CA_CERTS?: string | undefined;
  readonly SSL_CERT_FILE?: string | undefined;
  /** Folders, with `:` between them. */
  readonly SSL_CERT_DIR?: string | undefined;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Empty where there is none: a variable that points nowhere must not stop a machine that does not need it. */
async function textOf(path: string | undefined): Promise<string> {
  return path ? readFile(path, 'utf8').catch(() => '') : '';
}

async function textOfFolder(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => []);
  return (await Promise.all(names.map((name) => textOf(join(folder, name))))).join('\n');
}

async function firstOf(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const text = await textOf(path);
    if (text !== '') return text;
  }
  return '';
}

/** Looks whether one of the files of the options was written or replaced. */
export class TlsFileWatch {
  readonly #options: TlsOptions;
  readonly #files: readonly string[];
  #seen: string;
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: TlsOptions, files: readonly string[], seen: string) {
    this.#options = options;
    this.#files = files;
    this.#seen = seen;
  }

  /** To be called before the files are read: what changes from here on is noticed. */
  static async from(options: TlsOptions): Promise<TlsFileWatch> {
    const files = [options.caFile, options.certFile, options.keyFile].filter(
      (file): file is string => file !== undefined && file !== '',
    );
    return new TlsFileWatch(options, files, await stateOf(files));
  }

  start(reload: () => Promise<void>, log: Log): void {
    const check = async (): Promise<void> => {
      const now = await stateOf(this.#files);
      if (now === this.#seen) return;
      // A pair that is half replaced does not load: `#seen` then stays as it was, and the next look tries again.
      await reload();
      this.#seen = now;
      log.info('certificates were read again', { files: this.#files });
    };
    const guarded = (): void => {
      check().catch((error) => log.warn('certificates cannot be read again', { error: String(error) }));
    };
    this.#timer = setInterval(guarded, this.#options.watchCertsPollIntervalMs ?? 5_000).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

async function stateOf(files: readonly string[]): Promise<string> {
  const states = await Promise.all(
    files.map(async (file) => {
      const stats = await stat(file).catch(() => undefined);
      return stats === undefined ? 'missing' : `${stats.ino}:${stats.size}:${stats.mtimeMs}`;
    }),
  );
  return states.join(',');
}

/** Lets tools such as Wireshark read the traffic; only with `insecure_key_log_file`. */
export function logSessionKeys(agent: Agent, path: string, log: Log): void {
  log.warn('TLS session keys are written to a file', { file: path });
  agent.on('keylog', (line: Buffer) => void appendFile(path, line, { mode: 0o600 }).catch(() => {}));
}
