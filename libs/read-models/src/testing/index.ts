export * from './open-read-models.js';
export * from './random-history.js';
