/** Full snapshots on their way to the bucket. */
export { Publisher, type PublisherFacts, type PublisherOptions } from './publish.ts';
