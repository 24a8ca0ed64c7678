export * from './describe-publisher.js';
export * from './describe-relay-lease.js';
export * from './sample-messages.js';
