import type { Problem } from './rules.ts';

/** Each store is told to all of them: more machines than this need a message broker, not hints. */
const MOST_PEERS = 100;
const HINT = 'write http://host:port, the http.address of the other machine';

/** A list may name this machine too, so that all machines have the same file. */
export function* checkPeers(peers: readonly string[]): Generator<Problem> {
  const path = ['peers'];
  if (peers.length > MOST_PEERS) yield { path, what: `${peers.length} are too many: at most ${MOST_PEERS}` };
  const seen = new Set<string>();
  for (const peer of peers) {
    const what = whyNot(peer);
    if (what !== undefined) yield { path, what, hint: HINT };
    else if (seen.has(new URL(peer).href))
      yield { path, what: `${peer} is in the list twice`, hint: 'remove one of the two' };
    else seen.add(new URL(peer).href);
  }
}

/** Secrets are not repeated: a URL with a password is described, not shown. */
function whyNot(peer: string): string | undefined {
  if (!URL.canParse(peer)) return peer.includes('@') ? 'an entry is not a URL' : `"${peer}" is not a URL`;
  const url = new URL(peer);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `${url.protocol}// is neither http:// nor https://`;
  if (url.username !== '' || url.password !== '')
    return `the URL of ${url.host} has a user or a password: hints need none`;
  if (url.search !== '' || url.hash !== '') return `the URL of ${url.host} has a query or a fragment`;
  return undefined;
}
