/** What is known of the databases, for the status page and `/api/status`. */
export { State, type StateOptions } from './state.ts';
export {
  type ApiStatus,
  apiStatusJsonSchema,
  apiStatusSchema,
  type DatabaseAnswer,
  type PeerAnswer,
  type ProblemAnswer,
} from './status-schema.ts';
