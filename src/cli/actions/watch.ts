import { displayAscii } from '../display-ascii.ts';
import { AnswerError, NoAddressError, NoProcessError } from '../errors.ts';
import type { Session } from '../session.ts';
import { processUrl } from './process-url.ts';

export interface WatchFlags {
  readonly json?: boolean;
}

/** A change as `/api/events` tells it (docs/events.md). */
interface ChangeMessage {
  readonly db: string;
  readonly time: string;
  readonly txnID: number;
  readonly origin: string;
  readonly dbis: readonly { readonly name: string; readonly many?: true; readonly keys?: readonly KeyMessage[] }[];
}

type KeyMessage = { readonly kind: string } & Partial<Record<'key' | 'value' | 'keyBase64' | 'valueBase64', string>>;

/**
 * Prints what changes, from now on, until stopped or until the process ends.
 * @throws NoAddressError, NoProcessError, AnswerError
 */
export async function watch({ config, out, signal, io }: Session, { json = false }: WatchFlags): Promise<void> {
  if (config.http.address === '') throw new NoAddressError();
  const url = `${processUrl(config.http.address)}/api/events`;
  const response = await fetch(url, { signal, headers: { accept: 'text/event-stream', connection: 'close' } }).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      throw new NoProcessError(config.http.address, error);
    },
  );
  const type = response.headers.get('content-type') ?? '';
  if (!response.ok) throw new AnswerError(url, `HTTP ${response.status}`);
  if (!type.startsWith('text/event-stream')) throw new AnswerError(url, `${type || 'nothing'} is no stream of events`);
  try {
    for await (const data of eventData(response.body!)) {
      out.write(json ? `${data}\n` : changeText(parse(data, url), io.now()));
      await out.flush();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TypeError)) throw error;
    // The connection was cut: the process has ended without waiting for its readers.
  }
  signal.throwIfAborted();
  throw new NoProcessError(config.http.address, new Error('the process has ended'));
}

/** The data of server-sent events; comments and other fields are skipped. Ours is one line an event. */
async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (line.startsWith('data: ')) yield line.slice('data: '.length);
  }
}

function parse(data: string, url: string): ChangeMessage {
  try {
    const message = JSON.parse(data) as ChangeMessage;
    if (typeof message.db === 'string' && Array.isArray(message.dbis)) return message;
  } catch {
    // Told below.
  }
  throw new AnswerError(url, 'not an event of lmdbstream');
}

function changeText({ db, time, origin, dbis }: ChangeMessage, nowMs: number): string {
  let text = '';
  for (const { name, keys } of dbis) {
    const head = `${time} ${db} ${name} ${origin}`;
    if (!keys) text += `${head} many\n`;
    for (const key of keys ?? []) text += `${head} ${key.kind} ${keyText(key, nowMs)}\n`;
  }
  return text;
}

function keyText({ key, value, keyBase64, valueBase64 }: KeyMessage, nowMs: number): string {
  const shown = (text: string | undefined, base64: string | undefined): string => {
    // What a terminal takes as it is.
    if (text !== undefined && /^[\x20-\x7e]+$/.test(text)) return text;
    return displayAscii(text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text), nowMs);
  };
  const isPair = value !== undefined || valueBase64 !== undefined;
  return isPair ? `${shown(key, keyBase64)} = ${shown(value, valueBase64)}` : shown(key, keyBase64);
}
