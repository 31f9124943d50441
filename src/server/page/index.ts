/** The status page as text; pure, and the same code in the server and in the browser. */
export { renderPage } from './render.ts';
