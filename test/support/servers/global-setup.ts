import { createServer, type Server } from 'node:http';
import type { TestProject } from 'vitest/node';
import { startAzurite } from './azurite.ts';
import { type Stoppable, startSeaweedfs } from './seaweedfs.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Ask this URL + `/seaweedfs` or `/azurite` for a running server. */
    storageServersUrl: string;
  }
}

const STARTERS: Readonly<Record<string, () => Promise<Stoppable>>> = {
  '/seaweedfs': startSeaweedfs,
  '/azurite': startAzurite,
};

const started = new Map<string, Promise<Stoppable>>();
let control: Server | undefined;

/** One server of a kind for the whole run, started when the first test file asks for it and not before. */
export async function setup(project: TestProject): Promise<void> {
  control = createServer((request, response) => {
    const path = request.url ?? '';
    const starter = STARTERS[path];
    if (starter === undefined) {
      response.writeHead(404).end();
      return;
    }
    const server = started.get(path) ?? starter();
    started.set(path, server);
    server.then(
      (running) => response.end(JSON.stringify(running)),
      (error: Error) => response.writeHead(500).end([error.message, error.cause].join('\n')),
    );
  });
  await new Promise<void>((resolve) => control?.listen(0, '127.0.0.1', resolve));
  const { port } = control.address() as { port: number };
  project.provide('storageServersUrl', `http://127.0.0.1:${port}`);
}

export async function teardown(): Promise<void> {
  await Promise.all([...started.values()].map((server) => server.then((running) => running.stop()).catch(() => {})));
  control?.closeAllConnections();
  control?.close();
}
