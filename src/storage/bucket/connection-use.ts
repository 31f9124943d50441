import { AsyncLocalStorage } from 'node:async_hooks';
import type { Agent, ClientRequest } from 'node:http';
import type { Duplex } from 'node:stream';

/** The libraries hand out neither the connection nor, in Azure's case, its error: the call is found by its context. */
const calls = new AsyncLocalStorage<ConnectionUse>();

/** Whether a call failed on a connection that had been idle, before any answer. */
export class ConnectionUse {
  #wasStale = false;

  get wasStale(): boolean {
    return this.#wasStale;
  }

  watch<T>(action: () => Promise<T>): Promise<T> {
    return calls.run(this, action);
  }

  /** To be called by an agent that gives the request a connection that was used before. */
  static reused(agent: Agent, socket: Duplex, request: ClientRequest): void {
    const use = calls.getStore();
    if (use === undefined) return;
    let isAnswered = false;
    request.prependOnceListener('response', () => {
      isAnswered = true;
    });
    request.prependOnceListener('error', () => {
      if (isAnswered) return;
      use.#wasStale = true;
      // It is seldom alone: the service was restarted, and the next attempt must not meet another one.
      for (const free of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) {
        if (free !== socket) free.destroy();
      }
    });
  }
}
