import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { Transform } from 'node:stream';

/** What happens to a request. `match` chooses by method and path; `times` ends it (default: for ever). */
export interface Fault {
  readonly match?: (method: string, path: string) => boolean;
  readonly times?: number;
  readonly kind: /** The connection is cut before the request is passed on. */
    | 'cut-before'
    /** The request is carried out, its answer never arrives. */
    | 'cut-after'
    /** The answer's body is cut after half of it; the connection is closed. */
    | 'cut-body'
    /** As `cut-body`, but the length is not announced: the end looks like an end. */
    | 'truncate-unannounced'
    /** The upload is cut after its first bytes. */
    | 'cut-upload'
    /** One bit of the upload is changed on the way. */
    | 'corrupt-upload'
    /** Nothing is ever answered. */
    | 'hang'
    /** The answer stops after half of its body; the connection stays. */
    | 'hang-body'
    /** Answered with `status` and an empty body. */
    | 'status';
  readonly status?: number;
}

interface LiveFault {
  readonly fault: Fault;
  left: number;
}

/** An HTTP proxy in front of a storage server that spoils what the test asks it to spoil. */
export class FaultProxy {
  readonly #target: URL;
  readonly #server: Server;
  #faults: LiveFault[] = [];
  /** Every request, as `PUT /bucket/key`. */
  readonly requests: string[] = [];
  /** Called with every request, after it was recorded. */
  onRequest: () => void = () => {};
  /** How many requests met a fault. */
  spoiled = 0;

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((incoming, outgoing) => this.#handle(incoming, outgoing));
  }

  static async start(targetUrl: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(targetUrl));
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** With the path of the target: what the storage is to be given as its endpoint. */
  get url(): string {
    const { port } = this.#server.address() as { port: number };
    return `http://127.0.0.1:${port}${this.#target.pathname === '/' ? '' : this.#target.pathname}`;
  }

  /** Replaces what was set before. */
  set(...faults: Fault[]): void {
    this.#faults = faults.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }));
  }

  /** Requests that are still to be spoiled. */
  get faultsLeft(): number {
    return this.#faults.reduce((sum, { left }) => sum + left, 0);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #faultFor(method: string, path: string): Fault | undefined {
    const live = this.#faults.find(({ fault, left }) => left > 0 && (fault.match?.(method, path) ?? true));
    if (live === undefined) return undefined;
    live.left--;
    this.spoiled++;
    return live.fault;
  }

  #handle(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = 'GET', url: path = '/' } = incoming;
    this.requests.push(`${method} ${decodeURIComponent(path.split('?')[0]!)}`);
    this.onRequest();
    const fault = this.#faultFor(method, path);
    incoming.on('error', () => {});
    outgoing.on('error', () => {});
    switch (fault?.kind) {
      case 'cut-before':
        incoming.socket.destroy();
        return;
      case 'cut-upload':
        incoming.once('data', () => incoming.socket.destroy());
        // A request without a body.
        incoming.once('end', () => incoming.socket.destroy());
        return;
      case 'hang':
        incoming.resume();
        return;
      case 'status':
        incoming.resume();
        outgoing.writeHead(fault.status ?? 500).end();
        return;
      default:
        this.#forward(incoming, outgoing, fault);
    }
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault | undefined): void {
    const { hostname, port } = this.#target;
    // The `Host` header stays as it came: it is part of what the client signed.
    const upstream = request({
      hostname,
      port,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
    });
    upstream.on('error', () => incoming.socket.destroy());
    upstream.on('response', (answer) => {
      if (fault === undefined || fault.kind === 'corrupt-upload') {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
        return;
      }
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => spoil(fault, Buffer.concat(chunks), answer, incoming, outgoing));
    });
    outgoing.on('close', () => upstream.destroy());
    if (fault?.kind === 'corrupt-upload') incoming.pipe(oneBitOff()).pipe(upstream);
    else incoming.pipe(upstream);
  }
}

function oneBitOff(): Transform {
  let done = false;
  return new Transform({
    transform(chunk: Buffer, _, callback) {
      const copy = Buffer.from(chunk);
      if (!done) copy[0]! ^= 1;
      done = true;
      callback(null, copy);
    },
  });
}

function spoil(
  fault: Fault,
  body: Buffer,
  answer: IncomingMessage,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): void {
  if (fault.kind === 'cut-after') {
    incoming.socket.destroy();
    return;
  }
  const half = body.subarray(0, Math.floor(body.byteLength / 2));
  const headers = { ...answer.headers };
  if (fault.kind === 'truncate-unannounced') {
    delete headers['content-length'];
    outgoing.writeHead(answer.statusCode ?? 502, headers).end(half);
    return;
  }
  outgoing.writeHead(answer.statusCode ?? 502, headers);
  outgoing.write(half, () => {
    if (fault.kind === 'cut-body') incoming.socket.destroy();
  });
}
