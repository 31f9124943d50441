import { copyFile, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createServer as createHttpServer, request as httpRequest, type Server } from 'node:http';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import { createServer, type Server as NetServer, connect as netConnect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/log/index.ts';
import { type Agents, createAgents } from '../../src/storage/bucket/agents.ts';
import { type ProxyEnvironment, proxyFor } from '../../src/storage/bucket/proxy.ts';
import { usualAuthorities } from '../../src/storage/bucket/tls.ts';
import type { HttpOptions } from '../../src/storage/index.ts';
import { failureOf } from './support.ts';

const pem = (name: string): string => join(import.meta.dirname, 'certificates', name);
const CA_FILE = pem('ca.pem');
const CLIENT = { certFile: pem('client.pem'), keyFile: pem('client.key') };

let tls: Server;
let plain: Server;
let mute: NetServer;
const sockets = new Set<Socket>();

const listen = async (server: NetServer): Promise<void> => {
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
};
const portOf = (server: NetServer): number => (server.address() as { port: number }).port;

beforeAll(async () => {
  const [cert, key, ca] = await Promise.all(['server.pem', 'server.key', 'ca.pem'].map((name) => readFile(pem(name))));
  tls = createHttpsServer({ cert, key, ca, requestCert: true, rejectUnauthorized: false }, (incoming, outgoing) => {
    const socket = incoming.socket as TLSSocket;
    outgoing.end(socket.authorized ? String(socket.getPeerCertificate().subject.CN) : 'nobody');
  });
  plain = createHttpServer((_, outgoing) => void outgoing.end('plain'));
  mute = createServer();
  await Promise.all([tls, plain, mute].map(listen));
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all([tls, plain, mute].map((server) => new Promise((resolve) => server.close(resolve))));
});

async function ask(agents: Agents, port: number, protocol = 'https:', host = '127.0.0.1'): Promise<string> {
  const isTls = protocol === 'https:';
  const start = isTls ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const asked = start({ host, port, agent: isTls ? agents.https : agents.http }, (answer) => {
      answer.setEncoding('utf8').on('data', resolve).on('error', reject);
    });
    asked.on('error', reject).end();
  });
}

async function withAgents<T>(
  options: HttpOptions,
  use: (agents: Agents) => Promise<T>,
  env?: ProxyEnvironment,
): Promise<T> {
  const agents = await createAgents(options, silentLog, env ?? {});
  try {
    return await use(agents);
  } finally {
    agents.close();
  }
}

describe('tls', () => {
  const asked = (tlsOptions: HttpOptions['tls']): Promise<string> =>
    withAgents({ tls: tlsOptions }, (agents) => ask(agents, portOf(tls)));

  it('trusts only the authorities it is told to', async () => {
    expect(await failureOf(asked({}))).toMatchObject({ code: expect.stringMatching(/CERT|UNABLE/) });
    expect(await asked({ caFile: CA_FILE })).toBe('nobody');
    expect(await asked({ ca: await readFile(CA_FILE, 'utf8') })).toBe('nobody');
    expect(await asked({ caFile: CA_FILE, addSystemCaPool: true })).toBe('nobody');
    expect(await asked({ insecureSkipVerify: true })).toBe('nobody');
  });

  it('reads no certificate where the endpoint is not https', async () => {
    const agents = await createAgents({ endpointUrl: 'http://x', tls: { caFile: '/no/such/file' } }, silentLog, {});
    agents.close();
  });

  it('trusts the authorities of all variables, and each once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lmdbstream-ca-'));
    try {
      const ca = (await readFile(CA_FILE, 'utf8')).trim();
      await copyFile(CA_FILE, join(folder, 'own.pem'));
      const usual = await usualAuthorities({});
      expect(usual.length).toBeGreaterThan(100);
      expect(usual).not.toContain(ca);
      for (const env of [
        { NODE_EXTRA_CA_CERTS: CA_FILE },
        { SSL_CERT_FILE: CA_FILE },
        { SSL_CERT_DIR: `/none:${folder}` },
      ]) {
        expect(await usualAuthorities(env)).toEqual([...usual, ca]);
      }
      const all = { NODE_EXTRA_CA_CERTS: CA_FILE, SSL_CERT_FILE: CA_FILE, SSL_CERT_DIR: folder };
      expect(await usualAuthorities(all)).toHaveLength(usual.length + 1);
      expect(await usualAuthorities({ SSL_CERT_FILE: '/no/such/file' })).toEqual(usual);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('shows a client certificate', async () => {
    expect(await asked({ caFile: CA_FILE, ...CLIENT })).toBe('lmdbstream test client');
    const [cert, key] = await Promise.all([readFile(CLIENT.certFile, 'utf8'), readFile(CLIENT.keyFile, 'utf8')]);
    expect(await asked({ caFile: CA_FILE, cert, key })).toBe('lmdbstream test client');
  });

  it('says which file cannot be read, or is none', async () => {
    const missing = await failureOf(asked({ caFile: '/no/such/file' }));
    expect(missing).toMatchObject({
      denied: true,
      operation: 'init',
      message: expect.stringContaining('/no/such/file'),
    });
    expect(await failureOf(asked({ cert: 'not PEM', key: 'not PEM' }))).toMatchObject({ operation: 'init' });
  });

  it('reads certificates again when they are replaced', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lmdbstream-tls-'));
    try {
      const files = { certFile: join(folder, 'cert'), keyFile: join(folder, 'key') };
      await copyFile(pem('server.pem'), files.certFile);
      await copyFile(pem('server.key'), files.keyFile);
      const options = { caFile: CA_FILE, ...files, watchCerts: true, watchCertsPollIntervalMs: 10 };
      await withAgents({ tls: options }, async (agents) => {
        expect(await ask(agents, portOf(tls))).toBe('lmdbstream test server');
        for (const [from, to] of [
          [CLIENT.certFile, files.certFile],
          [CLIENT.keyFile, files.keyFile],
        ] as const) {
          await copyFile(from, `${to}.new`);
          await rename(`${to}.new`, to);
        }
        // Ends by the test's own limit if the change is never seen.
        while ((await ask(agents, portOf(tls))) !== 'lmdbstream test client') await new Promise(setImmediate);
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('connections', () => {
  it('are used again', async () => {
    await withAgents({ tls: { caFile: CA_FILE } }, async (agents) => {
      let connections = 0;
      const count = (): void => void connections++;
      tls.on('secureConnection', count);
      for (let index = 0; index < 3; index++) {
        await ask(agents, portOf(tls));
        await new Promise(setImmediate);
      }
      tls.off('secureConnection', count);
      expect(connections).toBe(1);
    });
  });

  it('end when there is no TLS handshake in time', async () => {
    const failure = await withAgents({ tlsHandshakeTimeoutMs: 50 }, (agents) => failureOf(ask(agents, portOf(mute))));
    expect(failure).toMatchObject({ code: 'ETIMEDOUT', message: expect.stringContaining('TLS handshake') });
  });
});

describe('proxy of the environment', () => {
  it('is chosen by the rules of Go', () => {
    const env = {
      HTTPS_PROXY: 'http://p:3128',
      http_proxy: 'q:80',
      NO_PROXY: 'a.com, .b.com,c.com:444,*.d.com,10.0.0.1',
    };
    const proxied = (host: string, port = 443): boolean => proxyFor('https:', host, port, env) !== undefined;
    expect(proxyFor('https:', 'x.org', 443, env)?.href).toBe('http://p:3128/');
    expect(proxyFor('http:', 'x.org', 80, env)?.host).toBe('q');
    expect(['a.com', 'x.a.com', 'x.b.com', 'x.d.com', '10.0.0.1', 'A.COM'].filter((host) => proxied(host))).toEqual([]);
    expect(['b.com', 'd.com', 'aa.com', '10.0.0.11'].filter((host) => !proxied(host))).toEqual([]);
    expect([proxied('c.com', 443), proxied('c.com', 444)]).toEqual([true, false]);
    expect(['localhost', '127.0.0.1', '127.1.2.3', '::1'].filter((host) => proxied(host))).toEqual([]);
    expect(proxyFor('https:', 'x.org', 443, { HTTPS_PROXY: 'http://p', NO_PROXY: '*' })).toBeUndefined();
    expect(proxyFor('https:', 'x.org', 443, {})).toBeUndefined();
  });

  it.each<[string, string, string[], string[]]>([
    ['spaces', 'a.com b.com , c.com', ['a.com', 'b.com', 'c.com'], ['d.com']],
    ['an IPv4 network', '10.0.0.0/8', ['10.1.2.3'], ['11.0.0.1', '10.example']],
    ['an IPv6 network', 'fd00::/8', ['fd12::1', '[fd12::1]'], ['fe80::1']],
    ['an IPv6 address', '2001:db8:0::1', ['2001:db8::1', '[2001:db8::1]'], ['2001:db8::2']],
    ['an IPv6 address and port', '[2001:db8::1]:443', ['2001:db8::1'], ['2001:db8::2']],
    ['another port', '10.0.0.1:80,a.com:80', [], ['10.0.0.1', 'a.com']],
    ['a name with a dot at its end', 'a.com', ['a.com.'], []],
    ['nonsense', '10.0.0.0/99,/,:443,.', [], ['10.0.0.1', 'a.com']],
  ])('NO_PROXY takes %s', (_, noProxy, direct, proxied) => {
    const env = { HTTPS_PROXY: 'http://p', NO_PROXY: noProxy };
    const isDirect = (host: string): boolean => proxyFor('https:', host, 443, env) === undefined;
    expect([...direct, ...proxied].filter(isDirect)).toEqual(direct);
  });

  it('takes the lower-case name where both are set, also when it is empty', () => {
    const both = { HTTP_PROXY: 'http://upper', http_proxy: 'http://lower', NO_PROXY: '*', no_proxy: '' };
    expect(proxyFor('http:', 'x.org', 80, both)?.host).toBe('lower');
    expect(proxyFor('http:', 'x.org', 80, { ...both, http_proxy: '' })).toBeUndefined();
  });

  it('refuses what is no proxy at the start, and does not show it', async () => {
    for (const url of ['socks5://user:s3cret@p:1080', 'http://user:s3cret@p:port']) {
      const failure = await failureOf(createAgents({}, silentLog, { HTTPS_PROXY: url }));
      expect(failure).toMatchObject({ operation: 'init', hint: expect.stringContaining('http://host:port') });
      expect(String(failure)).not.toContain('s3cret');
    }
  });

  it('carries both kinds of connection, and its refusal is an error', async () => {
    const asked: string[] = [];
    const proxy = createHttpServer();
    // A plain request comes with its whole URL, as Squid wants it.
    proxy.on('request', (incoming, outgoing) => {
      asked.push(`${incoming.method} ${incoming.url} ${incoming.headers['proxy-authorization']}`);
      outgoing.end('plain');
    });
    proxy.on('connect', (incoming, socket: Socket) => {
      asked.push(`${incoming.url} ${incoming.headers['proxy-authorization']}`);
      if (incoming.url?.startsWith('refused')) {
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
        return;
      }
      // Every name is a server of this test.
      const target = netConnect(Number(incoming.url?.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(target).pipe(socket);
      });
    });
    await listen(proxy);
    const url = `http://us%40er:pass@127.0.0.1:${portOf(proxy)}`;
    const env = { HTTPS_PROXY: url, HTTP_PROXY: url };
    try {
      await withAgents(
        { tls: { insecureSkipVerify: true, ...CLIENT } },
        async (agents) => {
          expect(await ask(agents, portOf(tls), 'https:', 'bucket.example')).toBe('lmdbstream test client');
          expect(await ask(agents, portOf(plain), 'http:', 'bucket.example')).toBe('plain');
          expect(await failureOf(ask(agents, 443, 'https:', 'refused.example'))).toMatchObject({
            message: expect.stringContaining('HTTP 403'),
          });
        },
        env,
      );
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
    const authorization = `Basic ${Buffer.from('us@er:pass').toString('base64')}`;
    expect(asked).toEqual([
      `bucket.example:${portOf(tls)} ${authorization}`,
      `GET http://bucket.example:${portOf(plain)}/ ${authorization}`,
      `refused.example:443 ${authorization}`,
    ]);
  });
});
