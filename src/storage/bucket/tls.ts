import { appendFile, readFile, stat } from 'node:fs/promises';
import type { Agent } from 'node:https';
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
  const usual =
    own.length === 0 || options.addSystemCaPool ? [...rootCertificates, ...(await systemAuthorities())] : [];
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

async function systemAuthorities(): Promise<string[]> {
  for (const path of [process.env.SSL_CERT_FILE, ...SYSTEM_CA_FILES]) {
    if (!path) continue;
    try {
      return [await readFile(path, 'utf8')];
    } catch {
      // Not this distribution.
    }
  }
  return [];
}

/** Calls `onChange` when one of the files of the options is written or replaced. */
export class TlsFileWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #files: readonly string[];
  #seen: string | undefined;

  constructor(options: TlsOptions, onChange: () => Promise<void>, log: Log) {
    this.#files = [options.caFile, options.certFile, options.keyFile].filter(
      (file): file is string => file !== undefined && file !== '',
    );
    const check = async (): Promise<void> => {
      const now = await this.#state();
      const changed = this.#seen !== undefined && now !== this.#seen;
      if (changed) {
        // A pair half replaced does not load; it is tried again at the next look because `#seen` stays as it was.
        await onChange();
        log.info('certificates were read again', { files: this.#files });
      }
      this.#seen = now;
    };
    const guarded = (): void =>
      void check().catch((error) => log.warn('certificates cannot be read', { error: String(error) }));
    guarded();
    this.#timer = setInterval(guarded, options.watchCertsPollIntervalMs ?? 5_000).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #state(): Promise<string> {
    const states = await Promise.all(
      this.#files.map(async (file) => {
        const stats = await stat(file).catch(() => undefined);
        return stats === undefined ? 'missing' : `${stats.ino}:${stats.size}:${stats.mtimeMs}`;
      }),
    );
    return states.join(',');
  }
}

/** Lets tools such as Wireshark read the traffic; only with `insecure_key_log_file`. */
export function logSessionKeys(agent: Agent, path: string, log: Log): void {
  log.warn('TLS session keys are written to a file', { file: path });
  agent.on('keylog', (line: Buffer) => void appendFile(path, line, { mode: 0o600 }).catch(() => {}));
}
