import { createHmac } from 'node:crypto';
import type { ChangeEvent } from '../sync/index.ts';
import { EventConsumerError } from './errors.ts';
import { messageOf } from './message.ts';

export interface WebhookOptions {
  readonly url: string;
  /** Signs the body; undefined: no signature. */
  readonly secret: (() => string) | undefined;
  readonly timeoutMs: number;
}

export const SIGNATURE_HEADER = 'x-lmdbstream-signature';

/** `sha256=` and the hex HMAC-SHA256 of the body, as receivers of webhooks know it. */
export function signatureOf(body: string, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

/** POSTs `{"events": [...]}`; any answer of 2xx is a success. Redirects are not followed. */
export function webhookDelivery({ url, secret, timeoutMs }: WebhookOptions) {
  return async (events: readonly ChangeEvent[], signal: AbortSignal): Promise<void> => {
    const body = JSON.stringify({ events: events.map(messageOf) });
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (secret !== undefined) headers[SIGNATURE_HEADER] = signatureOf(body, secret());
    const answer = await fetch(url, {
      method: 'POST',
      body,
      headers,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    }).catch((error: unknown) => {
      throw new EventConsumerError(
        'webhook',
        `${originOf(url)}: ${reasonOf(error)}`,
        'is events.webhook.url right, and does it answer?',
        error,
      );
    });
    await answer.body?.cancel();
    if (answer.ok) return;
    throw new EventConsumerError(
      'webhook',
      `${originOf(url)} answered ${answer.status}`,
      'the receiver must answer with 2xx',
    );
  };
}

/** Without path and query, which may hold a token. */
function originOf(url: string): string {
  return new URL(url).origin;
}

/** What lies under fetch's "fetch failed". */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
