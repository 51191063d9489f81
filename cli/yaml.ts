/** By a module of its own, so that what loads it lazily gets its names also from a bundle, where the package is CommonJS. */
export { parse, stringify } from 'yaml';
