/** The bucket as a receiver sees it: what is due, and loading it. */
export { Receiver, type ReceiverOptions } from './receive.ts';
export { refuseStale } from './refuse-stale.ts';
