import { AsyncLocalStorage } from 'node:async_hooks';
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AnswerHead } from './foreign-answer.ts';

/** The libraries hand out neither the connection nor, in Azure's case, its error: the call is found by its context. */
const calls = new AsyncLocalStorage<ConnectionUse>();

/** What happened on the connections of a call: whether an idle one was closed before any answer, and what was answered last. */
export class ConnectionUse {
  #wasStale = false;
  #answer: AnswerHead | undefined;

  get answer(): AnswerHead | undefined {
    return this.#answer;
  }

  get wasStale(): boolean {
    return this.#wasStale;
  }

  watch<T>(action: () => Promise<T>): Promise<T> {
    return calls.run(this, action);
  }

  /** To be called by an agent for each request, with what it asks for. */
  static asked(request: ClientRequest, url: string): void {
    const use = calls.getStore();
    if (use === undefined) return;
    request.prependOnceListener('response', ({ statusCode = 0, headers }: IncomingMessage) => {
      use.#answer = { url, status: statusCode, header: (name) => headers[name]?.toString() };
    });
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
