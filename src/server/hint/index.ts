/** Hints of other instances: which of them are listened to. */
export { type HintAnswer, HintGate } from './hint-gate.ts';
