/** What is known of the databases, for the status page and `/api/status`. */
export { State, type StateOptions } from './state.ts';
// Types only: the server answers without building the schema, which costs memory.
export type { ApiStatus, DatabaseAnswer, PeerAnswer, ProblemAnswer } from './status-schema.ts';
