import { setMaxListeners } from 'node:events';

/**
 * A controller whose signal many wait for: every database of a thread, every object that is being loaded. Node takes more than ten
 * listeners for a leak and says so on standard error; here each is removed when its wait is over, and their number is bounded.
 */
export function controllerOfMany(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
