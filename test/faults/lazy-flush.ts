import Database from 'better-sqlite3';

/**
 * A mutant, loaded before the program: SQLite as this driver is built, without the one setting that makes a
 * commit durable, and without the check that would notice.
 */
const ask = Database.prototype.pragma;

Database.prototype.pragma = function (source: string, options?: Database.PragmaOptions): unknown {
  if (source === 'synchronous') return 2;
  const setting = source === 'synchronous = FULL' ? 'synchronous = NORMAL' : source;
  return ask.call(this, setting, options);
};
