export * from './explore.js';
export * from './gateway-world.js';
export * from './line-log.js';
export * from './manual-time.js';
export * from './memory-feed.js';
export * from './model-ledger.js';
export * from './sample-messages.js';
