/** Routes, headers and the socket. */
export { createApp } from './app.ts';
export { loadAssets } from './assets.ts';
export { type Listening, listen } from './listen.ts';
export { StorageListing } from './storage-listing.ts';
