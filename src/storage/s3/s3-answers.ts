import { Readable } from 'node:stream';
import type { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { collect } from '../body.ts';
import type { BucketClock } from '../bucket/bucket-clock.ts';
import { type AnswerHead, ForeignAnswer, hasBody, isHtml, isSuccess } from '../bucket/foreign-answer.ts';
import type { ListPage } from './list-page.ts';

/** Above any page of 1,000 keys of 1,024 bytes, escaped. */
const LISTING_MAX_BYTES = 32 * 2 ** 20;

const ETAG_COMMANDS = new Set(['PutObjectCommand', 'UploadPartCommand', 'GetObjectCommand']);
/** Answered with 204, or with an empty body. */
const BODILESS_COMMANDS = new Set(['DeleteObjectCommand', 'CreateBucketCommand']);
/** What an upload in parts is answered with; an error may come with status 200. */
const ROOTS: Readonly<Record<string, RegExp>> = {
  CreateMultipartUploadCommand: /<(?:InitiateMultipartUploadResult|Error)[\s>]/,
  CompleteMultipartUploadCommand: /<(?:CompleteMultipartUploadResult|Error)[\s>]/,
};
const OWN_HEADERS = ['x-amz-request-id', 'x-amz-id-2', 'x-goog-hash', 'x-guploader-uploadid', 'x-oss-request-id'];

/**
 * What the head of a successful answer lacks to be S3's; undefined: nothing. Every vendor sends an ETag with an object
 * and for one that it took, and nothing but 204 or an empty body for one that it deleted.
 */
function lackOf(command: string, answer: AnswerHead): string | undefined {
  if (!isSuccess(answer.status)) return undefined;
  if (ETAG_COMMANDS.has(command) && !answer.header('etag')) return 'no ETag';
  // An object may have been stored as HTML: then S3 says who answers.
  const isOwn = OWN_HEADERS.some((name) => answer.header(name) !== undefined);
  if (isHtml(answer) && !(command === 'GetObjectCommand' && isOwn)) return 'a page of HTML';
  if (BODILESS_COMMANDS.has(command) && answer.status !== 204 && !isOwn && hasBody(answer)) return 'a body';
  return undefined;
}

interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  body?: AsyncIterable<Uint8Array>;
}

interface HttpRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
}

interface Sent {
  readonly response: HttpAnswer;
}
type Sending = (sending: { readonly request: HttpRequest }) => Promise<Sent>;

/** Runs `look` next to the connection, before the SDK reads the answer. */
function lookAtAnswers(
  stack: Pick<S3Client['middlewareStack'], 'addRelativeTo'>,
  name: string,
  look: (head: AnswerHead, answer: HttpAnswer, command: string) => Promise<void> | void,
): void {
  const middleware =
    (send: Sending, { commandName = '' }: { readonly commandName?: string }): Sending =>
    async (sending) => {
      const sent = await send(sending);
      await look(headOf(sending.request, sent.response), sent.response, commandName);
      return sent;
    };
  // The SDK's type for it stands in a package that is not ours to import, and says `unknown` where these say HTTP.
  stack.addRelativeTo(middleware as unknown as Parameters<typeof stack.addRelativeTo>[0], {
    relation: 'after',
    toMiddleware: 'deserializerMiddleware',
    name,
    // The same command may be sent a second time.
    override: true,
  });
}

/** Looks at every answer of the client before it is believed. */
export function watchAnswers(client: S3Client, clock: BucketClock): void {
  lookAtAnswers(client.middlewareStack, 'lmdbstreamAnswers', async (head, answer, command) => {
    clock.answered(head.header('date'));
    const lack = lackOf(command, head);
    if (lack !== undefined) throw foreign(head, answer, lack);
    const root = isSuccess(head.status) ? ROOTS[command] : undefined;
    if (root === undefined) return;
    const body = await collect(answer.body ?? Readable.from([]), LISTING_MAX_BYTES);
    if (!root.test(body.toString())) throw foreign(head, answer, 'not the XML of S3');
    answer.body = Readable.from([body]);
  });
}

/** Sends the listing and reads its answer with `read`, in place of the SDK; `read` returns undefined when it is none. */
export async function sendListing(
  client: S3Client,
  command: ListObjectsV2Command,
  signal: AbortSignal,
  read: (body: Buffer) => ListPage | undefined,
): Promise<ListPage> {
  let page: ListPage | undefined;
  const stack = command.middlewareStack as unknown as S3Client['middlewareStack'];
  lookAtAnswers(stack, 'lmdbstreamListing', async (head, answer) => {
    if (!isSuccess(head.status)) return;
    page = read(await collect(answer.body ?? Readable.from([]), LISTING_MAX_BYTES));
    if (page === undefined) throw foreign(head, answer, 'no ListBucketResult');
    answer.body = Readable.from([EMPTY_LISTING]);
  });
  await client.send(command, { abortSignal: signal });
  return page!;
}

const EMPTY_LISTING = Buffer.from('<ListBucketResult/>');

function headOf({ protocol, hostname, port, path }: HttpRequest, { statusCode, headers }: HttpAnswer): AnswerHead {
  return {
    url: `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`,
    status: statusCode,
    header: (name) => headers[name],
  };
}

function foreign(head: AnswerHead, { body }: HttpAnswer, lack: string): ForeignAnswer {
  // Nobody reads it: the connection is given up, not kept.
  if (body instanceof Readable) body.on('error', () => {}).destroy();
  return new ForeignAnswer(head, lack);
}
