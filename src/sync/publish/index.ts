/** Full snapshots on their way to the bucket. */
export { Publisher, type PublisherFacts } from './publish.ts';
