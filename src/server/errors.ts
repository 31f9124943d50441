import { LmdbstreamError } from '../errors/index.ts';

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there: stop it, or set http.address to another port',
  EACCES:
    'ports below 1024 need CAP_NET_BIND_SERVICE: set http.address to a higher port, or give the right to the service',
  EADDRNOTAVAIL: 'no network interface of this machine has that address: check http.address',
  ENOTFOUND: 'the name in http.address is not known: write an IP address, or :PORT for all of them',
};

/** The HTTP server cannot listen on `http.address`. */
export class ListenError extends LmdbstreamError {
  constructor(address: string, cause: NodeJS.ErrnoException) {
    const hint = HINTS[cause.code ?? ''] ?? 'check http.address';
    super('HTTP_LISTEN_FAILED', `HTTP server error: listen ${address}: ${cause.message}`, { hint, cause });
  }
}
