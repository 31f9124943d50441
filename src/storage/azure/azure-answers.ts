import { type AnswerHead, ForeignAnswer, isSuccess } from '../bucket/foreign-answer.ts';

/** What the SDK keeps of the HTTP answer beside what it read from it. */
export interface AzureAnswer {
  readonly _response: {
    readonly status: number;
    readonly headers: { get(name: string): string | undefined };
    readonly request: { readonly url: string };
    readonly bodyAsText?: string | null | undefined;
  };
}

const OWN_HEADERS = ['x-ms-request-id', 'x-ms-version'];

/** @throws ForeignAnswer for a success without the headers that Azure puts on every answer. */
export function checkHead(head: AnswerHead): void {
  if (isSuccess(head.status) && !OWN_HEADERS.some((name) => head.header(name) !== undefined)) {
    throw new ForeignAnswer(head, 'no x-ms-request-id');
  }
}

/** @throws ForeignAnswer when it is no listing. */
export function checkListing(answer: AzureAnswer): void {
  if (!/<EnumerationResults[\s>/]/.test(answer._response.bodyAsText?.slice(0, 1024) ?? '')) {
    throw new ForeignAnswer(headOf(answer), 'no EnumerationResults');
  }
}

/** @throws ForeignAnswer for a blob that was taken, or is given, without an ETag. */
export function checkEtag(answer: AzureAnswer): void {
  if (!answer._response.headers.get('etag')) throw new ForeignAnswer(headOf(answer), 'no ETag');
}

export function headOf({ _response: { status, headers, request } }: AzureAnswer): AnswerHead {
  return { url: request.url, status, header: (name) => headers.get(name) };
}
