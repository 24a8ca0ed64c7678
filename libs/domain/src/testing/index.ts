export * from './given-when-then.js';
export * from './samples.js';
