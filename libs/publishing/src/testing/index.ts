export * from './describe-publisher.js';
export * from './describe-relay-lease.js';
export * from './sample-messages.js';
export * from './faulty.js';
export * from './relay-world.js';
