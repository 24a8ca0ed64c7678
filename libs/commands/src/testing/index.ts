export * from './command-node.js';
export * from './faulty-store.js';
export * from './manual-clock.js';
