/** What changed here, on its way to the bucket: deltas, and full snapshots where they are needed. */
export { Publisher, type PublisherFacts, type PublisherOptions } from './publish.ts';
