export { makeApp } from './app.mjs';
export { makeArchive } from './archive.mjs';
export { makeDeb } from './deb.mjs';
export { makeNpmFolder, makeNpmTarball } from './npm-tarball.mjs';
export { ARCHITECTURES, packagesFolder, product, runtimeOf } from './product.mjs';
