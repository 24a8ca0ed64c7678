export * from './messaging-settings.js';
export * from './process-settings.js';
export * from './read-settings.js';
